/**
 * The shape of a ladder file, as zod and (by write-ladder-schema.ts) as JSON Schema for editors.
 * `title` says what a right value looks like and is what error messages quote; `description` says what the key is for.
 * It checks one value at a time: what values mean together is ladder.ts's business.
 */
import { z } from 'zod';
import { standardFrameRate } from '../system/frame-rate.ts';
import { formatBits, parseBits } from './quantities.ts';

/** What an id may be: it is a folder of the Track's URLs, `/live/CHANNEL/ID/media.m3u8`. */
const TRACK_ID = /^[a-z0-9][a-z0-9-]{0,31}$/;
const LANGUAGE = /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/;
/** Above this ffmpeg and every player's list of qualities become unusable. */
const MOST_RUNGS = 10;

const FRAME_RATES_TEXT = 'auto, 23.976, 24, 25, 29.97, 30, 50, 59.94 or 60';

interface BitsRange {
  readonly minimum: number;
  readonly maximum: number;
  readonly example: string;
  readonly description: string;
}

function bits({ minimum, maximum, example, description }: BitsRange) {
  const range = `${formatBits(minimum)} to ${formatBits(maximum)}`;
  return z
    .union([z.number(), z.string().max(32)])
    .meta({
      title: `bits (k = 1000) from ${range}, for example ${example}`,
      description,
      examples: [example],
    })
    .transform((written, context) => {
      const value = parseBits(written);
      const fail = (message: string) => {
        context.issues.push({ code: 'custom', input: written, message });
        return z.NEVER;
      };
      if (value === undefined) return fail('is no number of bits');
      if (value < minimum) {
        const meant = value * 1000 >= minimum && value * 1000 <= maximum;
        return fail(meant ? `is below the smallest (did you mean ${value}k?)` : 'is below the smallest');
      }
      return value > maximum ? fail('is above the largest') : value;
    });
}

const trackId = z.string().regex(TRACK_ID).meta({
  title: '1 to 32 of a-z, 0-9 and -, for example 720p',
  description: "The Track's name, unique in the ladder; it is part of its URLs.",
});

const side = (name: 'height' | 'width', example: number, maximum: number) =>
  z
    .int()
    .min(48)
    .max(maximum)
    .meta({
      title: `whole pixels from 48 to ${maximum}, for example ${example}`,
      description: `Picture ${name}; the other side follows from the feed's aspect. Give height or width, not both. A feed is never enlarged: rungs above it are left out.`,
    });

export const ladderVideoSchema = z
  .strictObject({
    id: trackId,
    copy: z.literal(true).optional().meta({
      title: 'true, or nothing',
      description:
        "The feed's own H.264, not encoded. `bitrate` is what the publisher is set to and is declared to players. The publisher's keyframe interval must be constant and divide the segment (2, 1 or 0.5 s of 2 s); other feeds are refused. Needs an encoded rendition beside it.",
    }),
    height: side('height', 720, 2160).optional(),
    width: side('width', 1280, 4096).optional(),
    frameRate: z.enum(['full', 'half']).default('full').meta({
      description: "`half` takes every second frame where the channel's rate is above 30; at 30 and below it is full.",
    }),
    bitrate: bits({
      minimum: 32_000,
      maximum: 100_000_000,
      example: '2800k',
      description: 'Mean bits per second over time: AVERAGE-BANDWIDTH in HLS is made from it.',
    }),
    maxrate: bits({
      minimum: 32_000,
      maximum: 200_000_000,
      example: '3M',
      description:
        'Rate at which the decoder model refills. Default 1.07 x bitrate: a match that needs it all the time stays within the 110 % of AVERAGE-BANDWIDTH that live HLS may take.',
    }).optional(),
    buffer: bits({
      minimum: 8_000,
      maximum: 400_000_000,
      example: '3M',
      description:
        'Size of the decoder model in bits. Default one second of maxrate: a segment of d seconds is never above maxrate x d + buffer.',
    }).optional(),
    codec: z.enum(['h264']).default('h264').meta({ description: 'Coding of the picture.' }),
    profile: z.enum(['baseline', 'main', 'high']).default('high').meta({
      description: 'H.264 profile; baseline and main only for very old devices.',
    }),
    preset: z.enum(['ultrafast', 'superfast', 'veryfast', 'faster', 'fast', 'medium']).default('veryfast').meta({
      description: 'x264 preset: slower is better at the same rate and costs more processor.',
    }),
  })
  .meta({
    title: 'a video rendition such as { id: 720p, height: 720, bitrate: 2800k }',
    oneOf: [{ required: ['height'] }, { required: ['width'] }, { required: ['copy'] }],
  });

export const ladderAudioSchema = z
  .strictObject({
    id: trackId,
    codec: z.enum(['aac']).default('aac').meta({ description: 'AAC-LC at 48 kHz, whatever came in.' }),
    bitrate: bits({
      minimum: 32_000,
      maximum: 320_000,
      example: '128k',
      description: 'Bits per second.',
    }).prefault('128k'),
    channels: z
      .union([z.literal(1), z.literal(2)])
      .default(2)
      .meta({
        title: '1 or 2',
        description: 'Mono or stereo; feeds with more are mixed down.',
      }),
    language: z.string().max(35).regex(LANGUAGE).default('und').meta({
      title: 'a BCP 47 language tag, for example en, pt-BR or und (unknown)',
      description: 'LANGUAGE of the rendition.',
    }),
    name: z
      .string()
      .regex(/^[^"\p{Cc}]{1,64}$/u)
      .optional()
      .meta({
        title: '1 to 64 characters without quotation marks, for example English commentary',
        description: 'What players show in their list; the id when left out.',
      }),
    whenMissing: z.enum(['silence', 'omit']).default('silence').meta({
      description:
        'A feed without sound: send silence (players expect both from the start), or leave the rendition out.',
    }),
  })
  .meta({ title: 'an audio rendition such as { id: audio, bitrate: 128k }' });

export const ladderSchema = z
  .strictObject({
    segment: z
      .strictObject({
        duration: z.int().min(1).max(6).default(2).meta({
          title: 'whole seconds from 1 to 6, for example 2',
          description: 'Segment and GOP duration in seconds; 1.001 times that at 23.976, 29.97 and 59.94.',
        }),
      })
      .prefault({})
      .meta({
        title: 'a mapping such as { duration: 2 }',
        description: 'The grid that all renditions are cut on.',
      }),
    frameRate: z
      .union([z.literal('auto'), z.number(), z.string().max(16)])
      .prefault('auto')
      .meta({
        title: FRAME_RATES_TEXT,
        description:
          "Frame rate of the channel. `auto`: that of the first publish, for as long as the channel's window lives; later feeds are conformed to it.",
        examples: ['auto', 25, 29.97, 30, 50, 59.94, 60],
      })
      .transform((written, context) => {
        if (written === 'auto') return written;
        const rate = standardFrameRate(Number(written));
        if (rate !== undefined) return rate;
        context.issues.push({
          code: 'custom',
          input: written,
          message: 'is no frame rate of live video',
        });
        return z.NEVER;
      }),
    video: z
      .array(ladderVideoSchema)
      .min(1)
      .max(MOST_RUNGS)
      .meta({
        title: `a list of 1 to ${MOST_RUNGS} video renditions`,
        description: 'From the highest bitrate to the lowest.',
      }),
    audio: z
      .array(ladderAudioSchema)
      .max(4)
      .prefault([{ id: 'audio' }])
      .meta({
        title: 'a list of at most 4 audio renditions, or [] for a channel without sound',
        description: 'One stereo rendition `audio` of 128k when left out.',
      }),
  })
  .meta({
    title: 'Pitchside ladder',
    description: 'What a feed is encoded into. Bit rates: a number of bits per second, or 2800k, 2.8M.',
  });

export type LadderVideoFile = z.output<typeof ladderVideoSchema>;
export type LadderAudioFile = z.output<typeof ladderAudioSchema>;

/** The JSON Schema of ladder files, as text: what ladders/ladder.schema.json holds. */
export function ladderSchemaText(): string {
  const schema = z.toJSONSchema(ladderSchema, {
    io: 'input',
    target: 'draft-7',
  });
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}
