/**
 * The shape of a settings file, and of the single values that flags and environment variables give.
 * `title` says what a right value looks like; error messages quote it.
 * Only what works today is in the schema: what is planned is refused by name in not-yet.ts, never ignored.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { formatBytes, formatDurationMs, parseBytes, parseDurationMs } from './quantities.ts';

/** Longest HLS TARGETDURATION a ladder may have is 6 s, and RFC 8216 6.2.2 keeps three of them in a live playlist. */
const SHORTEST_WINDOW_MS = 20_000;
/** A day: a journal of it is read in a second. */
const LONGEST_WINDOW_MS = 24 * 3_600_000;

const SMALLEST_WINDOW_BYTES = 10e6;
const LARGEST_WINDOW_BYTES = 100e12;

/** Of one service: each has an encoder, and a second service is a better neighbour than a 65th channel. */
const MOST_CHANNELS = 64;

export const portSchema = z
  .union([z.number(), z.string().max(32)])
  .meta({ title: 'a port from 0 (any free one) to 65535, for example 8080' })
  .transform((written, context) => {
    const port = typeof written === 'number' ? written : /^\d{1,5}$/.test(written) ? Number(written) : Number.NaN;
    if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
    // Kubernetes sets PITCHSIDE_PORT=tcp://... for a Service named pitchside.
    const linked = typeof written === 'string' && written.startsWith('tcp://');
    const message = linked
      ? 'was set by Kubernetes for a Service of this name (set enableServiceLinks: false)'
      : 'is no port';
    context.issues.push({ code: 'custom', input: written, message });
    return z.NEVER;
  });

export const hostSchema = z
  .string()
  .regex(/^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|[0-9A-Fa-f:.%a-z]{2,64})$/)
  .meta({ title: 'an address to listen on without port, for example 0.0.0.0, ::, 127.0.0.1' });

export const pathSchema = z
  .string()
  .regex(/^[^\0]{1,4096}$/)
  .meta({ title: 'a path, for example /var/lib/pitchside' });

export const logLevelSchema = z.enum(['debug', 'info', 'warn', 'error', 'silent']);

export const ladderReferenceSchema = z
  .string()
  .regex(/^[^\0]{1,4096}$/)
  .meta({ title: 'the name of a shipped ladder or a path, for example two-core or ./my-ladder.yaml' });

/** URL-safe: the secret stands in `CHANNEL?key=SECRET`, and alone as the last part of an RTMP path. */
export const secretSchema = z
  .string()
  .regex(/^[A-Za-z0-9._~-]{8,128}$/)
  .meta({ title: '8 to 128 of A-Z a-z 0-9 . _ ~ - (long and random)' });

/** RFC 6750 2.1 (b64token): what may stand behind `Bearer`. */
export const tokenSchema = z
  .string()
  .regex(/^[A-Za-z0-9._~+/-]{16,256}={0,2}$/)
  .meta({ title: '16 to 256 of A-Z a-z 0-9 . _ ~ + / - (long and random)' });

function duration(minimumMs: number, maximumMs: number, example: string) {
  const range = `${formatDurationMs(minimumMs)} to ${formatDurationMs(maximumMs)}`;
  return z
    .string()
    .max(32)
    .meta({ title: `a duration from ${range}, for example ${example}` })
    .transform((written, context) => {
      const durationMs = parseDurationMs(written);
      const fail = (message: string) => {
        context.issues.push({ code: 'custom', input: written, message });
        return z.NEVER;
      };
      if (durationMs === undefined) return fail('is no duration with a unit (ms, s, m, h)');
      if (durationMs < minimumMs) return fail('is too short');
      return durationMs > maximumMs ? fail('is too long') : durationMs;
    });
}

function size(minimumBytes: number, maximumBytes: number, example: string) {
  const range = `${formatBytes(minimumBytes)} to ${formatBytes(maximumBytes)}`;
  return z
    .string()
    .max(32)
    .meta({ title: `a size in bytes from ${range}, for example ${example}` })
    .transform((written, context) => {
      const bytes = parseBytes(written);
      const isRight = bytes !== undefined && bytes >= minimumBytes && bytes <= maximumBytes;
      if (isRight) return bytes;
      const message =
        bytes === undefined
          ? 'is no size with a unit (M, G, T)'
          : bytes < minimumBytes
            ? 'is too small'
            : 'is too large';
      context.issues.push({ code: 'custom', input: written, message });
      return z.NEVER;
    });
}

const listenShape = (defaultHost: string, defaultPort: number) =>
  z.strictObject({
    host: hostSchema.default(defaultHost),
    port: portSchema.prefault(defaultPort),
  });

const whole = (least: number, most: number, example: number) =>
  z
    .int()
    .min(least)
    .max(most)
    .meta({ title: `a whole number from ${least} to ${most}, for example ${example}` })
    .default(example);

/** `stdout`, `none`, or a file. */
export const accessLogSchema = pathSchema.meta({ title: 'a file, stdout or none, for example /var/log/pitchside.log' });

const blockSchema = z
  .string()
  .max(64)
  .refine(isBlock, { error: 'is no address or block of addresses' })
  .meta({ title: 'an address or block such as 203.0.113.0/24 or 2001:db8::/32' });

function isBlock(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}

const blocksSchema = z.array(blockSchema).max(4096).meta({ title: 'a list of addresses such as [203.0.113.0/24]' });

/** The field that a CDN adds to its requests to prove itself. */
export const EDGE_SECRET_HEADER = 'X-Origin-Key';

const lockSchema = z
  .strictObject({
    header: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/)
      .default(EDGE_SECRET_HEADER)
      .meta({ title: `the name of a header field, for example ${EDGE_SECRET_HEADER}` }),
    secrets: z
      .array(secretSchema)
      .max(2)
      .default([])
      .meta({ title: 'one secret, or two while one is changed for the other' }),
    addresses: blocksSchema.default([]),
  })
  .refine(({ secrets, addresses }) => secrets.length + addresses.length > 0, {
    error: 'has neither secrets nor addresses: nobody could ask',
  })
  .meta({ title: 'a mapping such as { secrets: [SECRET] } or { addresses: [203.0.113.0/24] }' });

const proxiesSchema = z
  .strictObject({
    addresses: blocksSchema,
    // Only the one that they write: the other is what a client may make up.
    field: z.enum(['X-Forwarded-For', 'Forwarded']).default('X-Forwarded-For'),
  })
  .meta({ title: 'a mapping such as { addresses: [10.0.0.0/8], field: X-Forwarded-For }' });

/** What all who ask may cost together, and one of them. */
const httpLimitsSchema = z
  .strictObject({
    connections: whole(64, 65_535, 16_000),
    waiting: whole(64, 65_535, 16_000),
    megabytesInFlight: whole(64, 1_048_576, 4096),
    stallSeconds: whole(1, 600, 30),
    bodySeconds: whole(5, 3600, 120),
    requestSeconds: whole(1, 120, 20),
  })
  .prefault({})
  .meta({ title: 'a mapping such as { connections: 16000 }' });

/** What a stranger at the RTMP port, and a publisher that was let in, may cost. */
const rtmpLimitsSchema = z
  .strictObject({
    messageBytes: whole(65_536, 16_777_215, 8_388_608),
    chunkStreams: whole(4, 64, 16),
    connections: whole(1, 4096, 128),
    connectionsPerAddress: whole(1, 4096, 16),
    names: whole(1, 1024, 64),
    bytesPerSecond: whole(125_000, 1_250_000_000, 12_500_000),
    handshakeSeconds: whole(1, 60, 5),
    // A publisher that stops sending but stays must be out within 10 s.
    idleSeconds: whole(1, 9, 8),
  })
  .prefault({})
  .meta({ title: 'a mapping such as { connections: 128 }' });

/** What a webhook may be told. */
const WEBHOOK_EVENTS = ['publish', 'unpublish', 'fault'] as const;
/** Each has a queue and an attempt of its own. */
const MOST_WEBHOOKS = 16;

const webhookSchema = z
  .strictObject({
    url: z
      .string()
      .max(2048)
      .refine(isWebhookUrl, { error: 'is no URL to post to' })
      .meta({ title: 'a URL of http or https without user and fragment, for example https://example.com/hook' }),
    events: z
      .array(z.enum(WEBHOOK_EVENTS))
      .min(1)
      .default([...WEBHOOK_EVENTS])
      .meta({
        title: 'a list of publish, unpublish, fault',
      }),
    secret: z
      .string()
      .regex(/^[\x21-\x7e]{16,256}$/)
      .optional()
      .meta({ title: '16 to 256 printable characters without blanks (long and random)' }),
  })
  .meta({ title: 'a mapping such as { url: https://example.com/hook, secret: SECRET }' });

function isWebhookUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && password === '' && hash === '';
}

const keysSchema = z
  .record(
    z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/)
      .meta({ title: 'a name of letters, digits, - and _, for example primary' }),
    secretSchema,
  )
  .meta({ title: 'a mapping of names to secrets such as { primary: SECRET }' });

const channelSchema = z
  .strictObject({
    ladder: ladderReferenceSchema.optional(),
    keys: keysSchema.optional(),
    source: z.enum(['rtmp', 'cmaf']).default('rtmp'),
    latency: z.enum(['normal', 'low', 'ultra']).default('normal'),
    window: duration(SHORTEST_WINDOW_MS, LONGEST_WINDOW_MS, '15m').optional(),
    windowSize: size(SMALLEST_WINDOW_BYTES, LARGEST_WINDOW_BYTES, '20G').optional(),
    whenAbsent: z.enum(['slate', 'gap']).default('slate'),
    slate: pathSchema.optional().meta({ title: 'the path of a PNG file, for example slate.png' }),
    takeover: z.enum(['refuse', 'replace']).default('refuse'),
    reconnectGrace: duration(0, 10_000, '2s').prefault('2s'),
    absentTimeout: z.union([z.literal('never'), duration(10_000, 7 * 86_400_000, '30m')]).default('never'),
  })
  .meta({ title: 'a mapping such as { ladder: two-core }' });

export const CMAF_PORT = 8082;

export const settingsFileSchema = z
  .strictObject({
    http: listenShape('0.0.0.0', 8080)
      .extend({
        lock: lockSchema.optional(),
        proxies: proxiesSchema.optional(),
        accessLog: accessLogSchema.default('none'),
        limits: httpLimitsSchema,
      })
      .prefault({})
      .meta({ title: 'a mapping such as { port: 8080 }' }),
    rtmp: listenShape('0.0.0.0', 1935)
      .extend({ limits: rtmpLimitsSchema })
      .prefault({})
      .meta({ title: 'a mapping such as { port: 1935 }' }),
    rtmps: z
      .strictObject({
        host: hostSchema.default('0.0.0.0'),
        port: portSchema.prefault(443),
        certificate: pathSchema.meta({ title: 'the path of a PEM file: the certificate, then its chain' }),
        key: pathSchema.meta({ title: 'the path of a PEM file: the private key' }),
      })
      .optional()
      .meta({ title: 'a mapping such as { port: 443, certificate: cert.pem, key: key.pem }' }),
    // Whoever may push is trusted with the air: loopback unless told otherwise, and off unless given.
    cmaf: listenShape('127.0.0.1', CMAF_PORT)
      .optional()
      .meta({ title: `a mapping such as { port: ${CMAF_PORT} }` }),
    // Metrics, the console and the API have another trust than the media: loopback unless told otherwise.
    control: listenShape('127.0.0.1', 8081)
      .extend({ token: tokenSchema.optional() })
      .prefault({})
      .meta({ title: 'a mapping such as { port: 8081 }' }),
    webhooks: z
      .array(webhookSchema)
      .max(MOST_WEBHOOKS)
      .default([])
      .meta({ title: `a list of at most ${MOST_WEBHOOKS} hooks such as [{ url: https://example.com/hook }]` }),
    data: pathSchema.optional().meta({ title: 'a folder, or none to keep nothing' }),
    ffmpeg: pathSchema.optional().meta({ title: 'the path of an ffmpeg program, for example /usr/bin/ffmpeg' }),
    logLevel: logLevelSchema.default('info'),
    channels: z
      .record(
        z
          .string()
          .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
          .meta({ title: 'a channel id: 1 to 63 of a-z, 0-9 and -, for example match' }),
        channelSchema,
      )
      .refine((channels) => Object.keys(channels).length > 0, { error: 'has no channel' })
      .refine((channels) => Object.keys(channels).length <= MOST_CHANNELS, { error: `has more than ${MOST_CHANNELS}` })
      .optional()
      .meta({ title: 'a mapping of channel ids to channels such as { match: { ladder: two-core } }' }),
  })
  .meta({ title: 'a settings file' });

export type SettingsFile = z.output<typeof settingsFileSchema>;
export type ChannelFile = z.output<typeof channelSchema>;
