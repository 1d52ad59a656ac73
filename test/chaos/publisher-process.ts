/**
 * A publisher in a process of its own, so that it can be killed and stopped: re-sends encoded clips, paced by its own clock.
 * It waits for `start`; then it obeys what it is told. It ends when the server ends it: exit code 3.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AUDIO, RtmpClient, VIDEO } from '../fakes/rtmp-client.ts';
import { type FlvTag, isHeader, isKeyframe, readFlv, setChunkSize } from '../rig/flv-file.ts';
import type { PublisherOrder } from './publisher.ts';

/** 8 s are 240 frames of 1/30 s and 375 access units: clips of a multiple loop without a step between picture and sound. */
interface Clip {
  readonly headers: readonly FlvTag[];
  readonly tags: readonly FlvTag[];
  readonly lengthMs: number;
}

function readClip(file: string): Clip {
  const all = readFlv(readFileSync(file)).filter(({ type }) => type === VIDEO || type === AUDIO);
  const tags = all.filter((tag) => !isHeader(tag));
  const lengthMs = Math.floor(((tags.at(-1)?.stamp ?? 0) + 100) / 8_000) * 8_000;
  return { headers: all.filter(isHeader), tags: tags.filter(({ stamp }) => stamp < lengthMs), lengthMs };
}

const shiftMs = { all: 0, audio: 0 };
let delayMs = 0;
const mutedUntilMs = { audio: 0, video: 0 };
let nextClip: string | undefined;

async function publish({ port, streamName, clip, startStamp, speed }: PublisherOrder & { kind: 'start' }) {
  // Nobody listens: whoever started this process tries it again.
  const client = await new RtmpClient(port).publish(streamName).catch(() => process.exit(3));
  if (!client.said('NetStream.Publish.Start')) process.exit(3);
  setChunkSize(client, 4096);
  process.send?.({ kind: 'in' });
  const startMs = performance.now();
  const send = (tag: FlvTag, positionMs: number) => {
    if (client.closed) process.exit(3);
    const stamp = startStamp + positionMs + shiftMs.all + (tag.type === AUDIO ? shiftMs.audio : 0);
    client.send(tag.type, tag.body, ((Math.round(stamp) % 2 ** 32) + 2 ** 32) % 2 ** 32, tag.type === VIDEO ? 6 : 4, 1);
  };
  let playing = readClip(clip);
  for (let originMs = 0; ; ) {
    for (const tag of playing.headers) send(tag, originMs);
    const endMs = await playOnce(playing, originMs, send, startMs, speed);
    originMs = endMs;
    if (nextClip !== undefined) playing = readClip(nextClip);
    nextClip = undefined;
  }
}

/** To its end, or to the keyframe after a change was asked for; the position at which it ended. */
async function playOnce(
  clip: Clip,
  originMs: number,
  send: (tag: FlvTag, positionMs: number) => void,
  startMs: number,
  speed: number,
): Promise<number> {
  for (const tag of clip.tags) {
    const positionMs = originMs + tag.stamp;
    if (nextClip !== undefined && isKeyframe(tag) && tag.stamp > 0) return positionMs;
    const aheadMs = positionMs / speed + delayMs - (performance.now() - startMs);
    if (aheadMs > 1) await sleep(aheadMs);
    if (performance.now() < mutedUntilMs[tag.type === AUDIO ? 'audio' : 'video']) continue;
    send(tag, positionMs);
  }
  return originMs + clip.lengthMs;
}

process.on('message', (order: PublisherOrder) => {
  if (order.kind === 'start') void publish(order);
  if (order.kind === 'shift') shiftMs[order.what] += order.byMs;
  if (order.kind === 'delay') delayMs += order.byMs;
  if (order.kind === 'mute') mutedUntilMs[order.track] = performance.now() + order.forMs;
  if (order.kind === 'clip') nextClip = order.clip;
});
process.on('disconnect', () => process.exit(0));
process.send?.({ kind: 'ready' });
