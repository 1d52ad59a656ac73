/**
 * What the log says of a refused connection and of a publish that went wrong: what it is, and what to do about it.
 * It never repeats what a peer sent. Invariant: every reason has both.
 */
import type { PublishEndReason, RefusalReason } from './link-messages.ts';

interface Words {
  readonly message: string;
  readonly hint: string;
}

const COMPARE_KEYS =
  'Compare the stream key in the encoder (CHANNEL?key=SECRET) with the one printed at the start and shown in the console.';

export const REFUSAL_WORDS: Readonly<Record<RefusalReason, Words>> = {
  'wrong-key': { message: 'publish refused: no such channel, or not its key', hint: COMPARE_KEYS },
  'no-key': { message: 'publish refused: the stream name has no key', hint: COMPARE_KEYS },
  'ambiguous-key': {
    message: 'publish refused: the bare key is the key of several channels',
    hint: 'Give each channel a key of its own, or push as CHANNEL?key=SECRET.',
  },
  'already-publishing': {
    message: 'publish refused: the channel has a publisher',
    hint: 'End the other publisher (its address is in the console), or give this encoder a channel of its own.',
  },
  'too-many-names': {
    message: 'publish refused: as many channels are published to as allowed',
    hint: 'Raise rtmp.limits.names in the settings file.',
  },
  'too-many-connections': {
    message: 'connection closed: too many are open, in all or from this address',
    hint: 'If they are encoders of yours, raise rtmp.limits.connections or connectionsPerAddress.',
  },
  'unknown-application': {
    message: 'connection refused: the application is not "live"',
    hint: 'The server address in the encoder ends with /live: rtmp://HOST:PORT/live.',
  },
  player: {
    message: 'connection refused: it wants to play',
    hint: 'Nothing is played over RTMP; viewers take /live/CHANNEL/master.m3u8 or manifest.mpd from the HTTP port.',
  },
  timeout: {
    message: 'connection closed: no publish in time',
    hint: 'If it is an encoder on a slow line, raise rtmp.limits.handshakeSeconds.',
  },
  protocol: {
    message: 'connection closed: what it sends is not RTMP as an encoder speaks it',
    hint: 'If it is an encoder, look at its server address: rtmp:// here, rtmps:// on the port of rtmps.',
  },
};

/** Of ends that somebody should look into; a publisher that left is none. */
export const END_HINTS: Readonly<Partial<Record<PublishEndReason, string>>> = {
  idle: 'The encoder stayed connected and sent no media: look at its output and its line. Its key is free again.',
  protocol: 'The encoder broke off its own stream; it may connect again. If that happens often, update it.',
  'slow-consumer': 'This machine cannot take the feed as fast as it comes: take a smaller ladder or free the machine.',
};
