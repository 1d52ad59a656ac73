import { describe, expect, it } from 'vitest';
import { formatFrameRate, STANDARD_FRAME_RATES } from '../../../src/system/frame-rate.ts';
import { slateCommand, type WorkerStart, workerCommand } from '../../../src/transcode/arguments.ts';
import type { EncodeCommand, TranscodePlan } from '../../../src/transcode/model.ts';
import { conformPlan } from '../../../src/transcode/plan.ts';
import { ladderOf, planOf, rate, rung, sourceOf } from '../../fakes/transcode-plan.ts';

const LADDER = ladderOf([
  rung('1080', 1080, { preset: 'veryfast' }),
  rung('720', 720),
  rung('270', 270, { frameRate: 'half', profile: 'main' }),
]);
const HEADERS = { Authorization: 'Bearer token' };
const urlOf = (track: string) => `http://127.0.0.1:9/ingest/match/${track}`;
const WHOLE: WorkerStart = { trimMs: 0, audioOffsetSamples: 0, hasVideo: true, hasAudio: true };

/** One option with its value per line, so that a golden's difference names the option. */
function text({ inputs, filterGraph, outputs }: EncodeCommand): string {
  const lines = (options: readonly string[]) =>
    options.reduce(
      (all, option) => `${all}${/^-[a-z_]/.test(option) ? '\n  ' : ' '}${JSON.stringify(option).slice(1, -1)}`,
      '',
    );
  const read = inputs.map(({ url, options }) => `input ${url}${lines(options)}`);
  const written = outputs.map(({ url, options }) => `output ${url}${lines(options)}`);
  return `${[...read, `graph\n  ${filterGraph.replaceAll(';[', '\n  [')}`, ...written].join('\n')}\n`;
}

async function golden(command: EncodeCommand, name: string): Promise<void> {
  await expect(text(command)).toMatchFileSnapshot(`../../golden/ffmpeg-${name}.txt`);
}

function worker(plan: TranscodePlan, start: Partial<WorkerStart> = {}): EncodeCommand {
  return workerCommand({ plan, urlOf, headers: HEADERS, start: { ...WHOLE, ...start } });
}

describe('the arguments of a worker', () => {
  it.each(STANDARD_FRAME_RATES)('are the golden ones at every standard rate: %o', async (frameRate) => {
    await golden(worker(planOf(LADDER, sourceOf(1920, 1080, frameRate))), `worker-${formatFrameRate(frameRate)}`);
  });

  it('are the golden ones for a portrait feed', async () => {
    await golden(worker(planOf(LADDER, sourceOf(1080, 1920, rate(30)))), 'worker-portrait');
  });

  it('are the golden ones without sound', async () => {
    await golden(worker(planOf(LADDER, sourceOf(1920, 1080, rate(25))), { hasAudio: false }), 'worker-no-audio');
  });

  it('are the golden ones for a start in the middle of a segment', async () => {
    const plan = planOf(LADDER, sourceOf(1920, 1080, rate(50)));
    await golden(worker(plan, { trimMs: 2800, audioOffsetSamples: 512 }), 'worker-trim');
  });

  it('are the golden ones where parts are published: keyframes at each part until the first Segment ends', async () => {
    const plan = planOf(LADDER, sourceOf(1920, 1080, rate(50)), 'low');
    await golden(worker(plan, { trimMs: 2800, audioOffsetSamples: 512 }), 'worker-low-trim');
  });

  it('are the golden ones for a later feed of another shape and rate', async () => {
    const source = sourceOf(720, 576, rate(50));
    const plan = conformPlan(planOf(LADDER, sourceOf(1920, 1080, rate(25))), source);
    await golden(worker(plan, { source }), 'worker-conformed');
  });

  it('decode once and split once, however many rungs there are', () => {
    const { inputs, filterGraph } = worker(planOf(LADDER, sourceOf(1920, 1080, rate(25))));
    expect(inputs).toHaveLength(1);
    expect(filterGraph.match(/\[0:v/g)).toHaveLength(1);
    expect(filterGraph.match(/split=3/g)).toHaveLength(1);
  });

  it('split nothing for one rung, and leave picture or sound out of a feed that has none', () => {
    const plan = planOf(ladderOf([rung('one', 720)]), sourceOf(1280, 720, rate(25)));
    expect(worker(plan).filterGraph).not.toContain('split');
    expect(worker(plan, { hasAudio: false }).outputs.map(({ url }) => url)).toEqual([urlOf('one')]);
    const radio = worker(plan, { hasVideo: false });
    expect(radio.outputs.map(({ url }) => url)).toEqual([urlOf('a')]);
    expect(radio.filterGraph).toBe('');
  });

  it('key by a fixed GOP of one segment, or by count when a run begins inside one', () => {
    const plan = planOf(LADDER, sourceOf(1920, 1080, rate(50)));
    const options = (start: Partial<WorkerStart>) => worker(plan, start).outputs.map((output) => output.options);
    for (const trimMs of [0, 2000, 4000]) {
      expect(
        options({ trimMs })
          .slice(0, 3)
          .map((list) => list[list.indexOf('-g') + 1]),
      ).toEqual(['100', '100', '50']);
      expect(options({ trimMs }).flat()).not.toContain('-force_key_frames');
    }
    const expressions = options({ trimMs: 2800 }).map((list) => list[list.indexOf('-force_key_frames') + 1]);
    expect(expressions[0]).toBe('expr:eq(n,0)+eq(mod(n+40,100),0)');
    expect(expressions[2]).toBe('expr:eq(n,0)+eq(mod(n+20,50),0)');
  });

  it('cut a chunk 2 ms before the exact part, so that it holds whole frames (24000/1001 to 60)', () => {
    const us = STANDARD_FRAME_RATES.map((frameRate) => {
      const list = worker(planOf(LADDER, sourceOf(1920, 1080, frameRate))).outputs[0]?.options ?? [];
      return list[list.indexOf('-frag_duration') + 1];
    });
    expect(us).toEqual(['498500', '498000', '398000', '398400', '398000', '398000', '398400', '398000']);
  });
});

describe('the arguments of the slate', () => {
  it('are the golden ones', async () => {
    const plan = planOf(LADDER, sourceOf(1920, 1080, rate(50)));
    await golden(slateCommand({ plan, urlOf, headers: HEADERS, picture: { width: 1280, height: 720 } }), 'slate-50');
  });

  it('is the golden one where parts are published: each of its parts begins with an IDR picture', async () => {
    const plan = planOf(LADDER, sourceOf(1920, 1080, rate(50)), 'low');
    await golden(
      slateCommand({ plan, urlOf, headers: HEADERS, picture: { width: 1280, height: 720 } }),
      'slate-low-50',
    );
  });

  it('of a picture are the golden ones: a file by its path alone, read as PNG, bars and transparency black', async () => {
    const plan = planOf(LADDER, sourceOf(1920, 1080, rate(50)));
    const picture = { path: '/data/half time %d.png' };
    await golden(slateCommand({ plan, urlOf, headers: HEADERS, picture }), 'slate-picture-50');
  });

  it('have the encoder of the worker, option by option', () => {
    const plan = planOf(LADDER, sourceOf(1920, 1080, rate(50)));
    const slate = slateCommand({ plan, urlOf, headers: HEADERS, picture: { width: 1280, height: 720 } });
    const optionsFrom = (list: readonly string[], option: string) => list.slice(list.indexOf(option));
    for (const [index, output] of worker(plan).outputs.entries()) {
      const from = index < plan.video.length ? '-r' : '-c:a';
      expect(optionsFrom(slate.outputs[index]?.options ?? [], from)).toEqual(optionsFrom(output.options, from));
    }
  });
});

describe('a copied rung', () => {
  const copy = rung('source', 0, { copy: true, height: undefined, bitrateBps: 6_000_000 });
  const plan = planOf(ladderOf([copy, rung('480', 480), rung('270', 270)]), sourceOf(1280, 720, rate(25)));

  it('is not encoded: a worker has outputs, and branches of its graph, for the others alone', () => {
    const { filterGraph, outputs } = worker(plan, { trimMs: 2000 });
    expect(outputs.map(({ url }) => url)).toEqual([urlOf('480'), urlOf('270'), urlOf('a')]);
    expect(filterGraph).toContain('split=2[s0][s1]');
    expect(outputs[0]?.options.slice(0, 2)).toEqual(['-map', '[v0]']);
  });

  it('has a slate like every rung, at the size of the source', () => {
    const { filterGraph, outputs } = slateCommand({
      plan,
      urlOf,
      headers: HEADERS,
      picture: { width: 1280, height: 720 },
    });
    expect(outputs.map(({ url }) => url)).toEqual(['source', '480', '270', 'a'].map(urlOf));
    expect(filterGraph).toContain('pad=1280:720');
  });
});
