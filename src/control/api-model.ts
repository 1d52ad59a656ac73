/**
 * What the API answers and takes, as schemas: the document is made of them, and every answer is typed by them.
 * They never reach into a Channel. Invariant: what has no schema here is in no answer.
 */
import { z } from 'zod';

const list = <T extends z.ZodType>(item: T) => z.array(item).readonly();
const utcMs = () => z.number().meta({ description: 'UTC in ms since 1970' });

/** All that have a name in the document, by that name. */
export const components = z.registry<{ id: string }>();

function named<T extends z.ZodType>(id: string, schema: T): T {
  components.add(schema, { id });
  return schema;
}

export const errorSchema = named(
  'Error',
  z.object({
    code: z.string().meta({ description: 'stable; src/system/errors.ts has all' }),
    message: z.string().meta({ description: 'for people; what to do is in it' }),
    problems: list(z.string())
      .optional()
      .meta({ description: 'of a ladder file: file:line:column path: what is wrong' }),
  }),
);

export const serviceSchema = named(
  'Service',
  z.object({
    version: z.string(),
    startedMs: utcMs(),
    nowMs: utcMs(),
    httpPort: z.int(),
    rtmpPort: z.int(),
    isDraining: z.boolean().meta({ description: 'not ready by an operator, or because the service stops' }),
    tokenNeeded: z
      .boolean()
      .meta({ description: 'this request, as it came, would be refused elsewhere for want of a token' }),
    streamKeysShown: z.boolean(),
  }),
);

const trackSchema = z.object({
  id: z.string(),
  kind: z.enum(['video', 'audio']),
  codec: z.string(),
  bitrateBps: z.number(),
  width: z.int().optional(),
  height: z.int().optional(),
  frameRate: z.string().optional(),
});

const adviceSchema = z.object({
  code: z.string(),
  level: z.enum(['info', 'warn']),
  message: z.string(),
  obs: z.string(),
  ffmpeg: z.string(),
  sinceMs: utcMs(),
});

const runSchema = z.object({
  id: z.string(),
  startedMs: utcMs(),
  index: z.int(),
  part: z.int(),
  fragments: z.int(),
  segments: z.int(),
  end: z
    .object({ atMs: utcMs(), how: z.string(), wasAsked: z.boolean() })
    .optional()
    .meta({ description: 'absent while it runs' }),
});

const diskSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('none') }),
  z.object({ kind: z.literal('ok') }),
  z.object({ kind: z.literal('degraded'), code: z.string(), message: z.string(), sinceMs: utcMs() }),
]);

export const channelSchema = named(
  'Channel',
  z.object({
    id: z.string(),
    state: z.string().meta({ description: 'src/README.md has the table' }),
    onAir: z.enum(['live', 'slate', 'gap', 'starting']),
    fresh: z.boolean(),
    newestNumber: z.int().optional(),
    newestEndMs: utcMs().optional(),
    windowBytes: z.number(),
    windowSegments: z.int(),
    disk: diskSchema,
    segmentMs: z.number().optional(),
    tracks: list(trackSchema),
    droppedRungs: list(z.object({ id: z.string(), reason: z.string() })),
    publisher: z.object({ address: z.string(), sinceMs: utcMs(), source: z.string() }).optional(),
    encoder: z.object({ pid: z.int(), fps: z.number(), speed: z.number().optional() }).optional(),
    ladder: z.string(),
    advice: list(adviceSchema),
    runs: list(runSchema),
    lastFaults: list(z.object({ atMs: utcMs(), code: z.string(), message: z.string(), hint: z.string().optional() })),
  }),
);

export const channelsSchema = named('Channels', z.object({ nowMs: utcMs(), channels: list(channelSchema) }));

export const streamKeySchema = named('StreamKey', z.object({ streamKey: z.string() }));

const rungSchema = named(
  'Rung',
  z.object({
    id: z.string(),
    kind: z.enum(['video', 'audio']),
    codec: z.string(),
    width: z.int().optional(),
    height: z.int().optional(),
    frameRate: z.string().optional(),
    bitrateBps: z.number(),
    maxrateBps: z.number().optional(),
    bufsizeBits: z.number().optional(),
    preset: z.string().optional(),
    profile: z.string().optional(),
    isCopy: z.boolean().meta({ description: 'not encoded here: the publisher’s own' }),
    isDropped: z.boolean(),
    why: z.string().optional().meta({ description: 'why it is left out' }),
  }),
);

export const ladderSchema = named(
  'Ladder',
  z.object({
    ladder: z.string(),
    rungs: list(rungSchema),
    arguments: list(z.string()).nullable().meta({ description: 'of the ffmpeg at work, secrets left out' }),
  }),
);

export const encoderLogSchema = named(
  'EncoderLog',
  z.object({ lines: list(z.object({ atMs: utcMs(), text: z.string() })).meta({ description: 'newest last' }) }),
);

export const nothingSchema = named('Nothing', z.object({}));
export const doneSchema = named('Done', z.object({ done: z.literal(true) }));
export const reloadSchema = named('Reload', z.object({ applyNow: z.boolean().optional() }));
export const reloadedSchema = named(
  'Reloaded',
  z.object({ applies: z.enum(['now', 'next-publish']), problems: list(z.string()) }),
);

const ofChannel = { channel: z.string(), atMs: utcMs() };
const publishFacts = { address: z.string(), source: z.string() };
const faultFacts = { code: z.string(), message: z.string(), hint: z.string().optional() };

const figuresChannelSchema = z.object({
  id: z.string(),
  encoderSpeed: z.number().optional(),
  encoderFps: z.number().optional(),
  inputBitrateBps: z.number().optional(),
});

const figuresSchema = named(
  'FiguresEvent',
  z.object({
    nowMs: utcMs(),
    requests: list(z.object({ kind: z.string(), cache: z.string(), perSecond: z.number() })),
    bytesPerSecond: z.number(),
    waiters: z.int(),
    shedPerSecond: z.number(),
    channels: list(figuresChannelSchema),
  }),
);

/** The `data` of each event of the stream, by its name. */
export const eventSchemas = {
  channels: channelsSchema,
  figures: figuresSchema,
  state: named(
    'StateEvent',
    z.object({ ...ofChannel, from: z.string(), to: z.string(), event: z.string(), why: z.string() }),
  ),
  publish: named('PublishEvent', z.object({ ...ofChannel, ...publishFacts })),
  unpublish: named('UnpublishEvent', z.object({ ...ofChannel, why: z.string() })),
  fault: named('FaultEvent', z.object({ ...ofChannel, ...faultFacts })),
  reset: named('ResetEvent', z.object({ nowMs: utcMs() })),
};

const posted = { ...ofChannel, id: z.string() };

/** The body of each webhook, by its event. */
export const webhookSchemas = {
  publish: named('PublishWebhook', z.object({ ...posted, event: z.literal('publish'), ...publishFacts })),
  unpublish: named('UnpublishWebhook', z.object({ ...posted, event: z.literal('unpublish'), why: z.string() })),
  fault: named('FaultWebhook', z.object({ ...posted, event: z.literal('fault'), ...faultFacts })),
};

export type ServiceAnswer = z.input<typeof serviceSchema>;
export type Figures = z.input<typeof figuresSchema>;
