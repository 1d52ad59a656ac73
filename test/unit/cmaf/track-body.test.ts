import { describe, expect, it } from 'vitest';
import type { CmafRefusal, CmafSink } from '../../../src/cmaf/sink.ts';
import { TrackBody, type TrackInput } from '../../../src/cmaf/track-body.ts';
import { ServiceError } from '../../../src/system/errors.ts';
import { audioInit, box, bytesOf, fragmentBytes, samplesOf, styp, videoInit, zeros } from '../../fakes/boxes.ts';

const chunk = (index: number): Buffer =>
  fragmentBytes({ decodeTicks: index * 3000, samples: samplesOf([9], { durationTicks: 3000 }) });

/** A Track with a sink that writes down what it hears. */
function openTrack(overrides: Partial<CmafSink> = {}) {
  const heard: string[] = [];
  const refusals: CmafRefusal[] = [];
  const input: TrackInput = { name: 'v720', init: undefined };
  const sink: CmafSink = {
    onInit: (track, init) => heard.push(`${track} init ${init.codec}`),
    onFragment: (track, fragment) => heard.push(`${track} fragment ${fragment.decodeTicks}`),
    onEnd: (track, how) => heard.push(`${track} end ${how}`),
    onRefused: (track, refusal) => {
      heard.push(`${track} refused ${refusal.code}`);
      refusals.push(refusal);
    },
    ...overrides,
  };
  const body = () => new TrackBody(input, sink, 10_000);
  const send = (...pieces: readonly Buffer[]): void => {
    const one = body();
    for (const piece of pieces) one.push(piece);
    one.end();
  };
  return { heard, refusals, body, send };
}

describe('one endless body (ffmpeg)', () => {
  it('tells header, chunks, and the end of the Track', () => {
    const { heard, send } = openTrack();
    send(bytesOf(videoInit(), chunk(0)), chunk(1));
    expect(heard).toEqual(['v720 init avc1.640028', 'v720 fragment 0', 'v720 fragment 3000', 'v720 end clean']);
  });

  it('tells an abort, once, and nothing after it', () => {
    const { heard, body } = openTrack();
    const one = body();
    one.push(bytesOf(videoInit(), chunk(0).subarray(0, 40)));
    one.abort();
    one.abort();
    one.push(chunk(0).subarray(40));
    one.end();
    expect(heard).toEqual(['v720 init avc1.640028', 'v720 end aborted']);
  });
});

describe('one body per segment (DASH-IF Live Media Ingest v1.2)', () => {
  it('a header alone, then media alone; no body end is the end of the Track', () => {
    const { heard, send } = openTrack();
    send(videoInit());
    send(bytesOf(styp('msdh'), chunk(0), chunk(1)));
    send(chunk(2));
    expect(heard).toEqual(['v720 init avc1.640028', 'v720 fragment 0', 'v720 fragment 3000', 'v720 fragment 6000']);
  });

  it('the segment with brand lmsg ends the Track', () => {
    const { heard, send } = openTrack();
    send(videoInit());
    send(bytesOf(styp('msdh', 'lmsg'), chunk(0)));
    expect(heard.at(-1)).toBe('v720 end clean');
  });

  it('an empty body tests the publishing point and tells nothing', () => {
    const { heard, send } = openTrack();
    send();
    expect(heard).toEqual([]);
  });

  it('a request that began before the header came on another one still finds it', () => {
    const { heard, body, send } = openTrack();
    const early = body();
    send(videoInit());
    early.push(chunk(0));
    early.end();
    expect(heard).toEqual(['v720 init avc1.640028', 'v720 fragment 0']);
  });

  it('media without any header is refused as CMAF_NO_HEADER', () => {
    const { heard, send } = openTrack();
    expect(() => send(chunk(0))).toThrow(expect.objectContaining({ code: 'CMAF_NO_HEADER' }));
    expect(heard).toEqual(['v720 refused CMAF_NO_HEADER']);
  });
});

describe('a header sent again', () => {
  it('is not told when it is the same, and its media is', () => {
    const { heard, send } = openTrack();
    send(bytesOf(videoInit(), chunk(0)));
    send(bytesOf(videoInit(), chunk(1)));
    expect(heard.filter((line) => line.includes('init'))).toHaveLength(1);
    expect(heard).toContain('v720 fragment 3000');
  });

  it('is told when it differs', () => {
    const { heard, send } = openTrack();
    send(bytesOf(videoInit(), chunk(0), audioInit(), chunk(1)));
    expect(heard.slice(0, 4)).toEqual([
      'v720 init avc1.640028',
      'v720 fragment 0',
      'v720 init mp4a.40.2',
      'v720 fragment 3000',
    ]);
  });

  it('by another source makes the media of the first one belong to the wrong header: CMAF_NO_HEADER', () => {
    const { heard, body, send } = openTrack();
    const first = body();
    first.push(bytesOf(videoInit(), chunk(0)));
    send(audioInit());
    expect(() => first.push(chunk(1))).toThrow(expect.objectContaining({ code: 'CMAF_NO_HEADER' }));
    expect(heard.at(-1)).toBe('v720 refused CMAF_NO_HEADER');
  });
});

describe('refusals', () => {
  it('garbage after good chunks: the chunks are told, then the refusal with box and offset', () => {
    const { heard, refusals, body } = openTrack();
    const one = body();
    const good = bytesOf(videoInit(), chunk(0));
    expect(() => one.push(bytesOf(good, box('mdat', zeros(3)), chunk(1)))).toThrow();
    one.abort();
    expect(heard).toEqual(['v720 init avc1.640028', 'v720 fragment 0', 'v720 refused CMAF_BOX_INVALID']);
    expect(refusals[0]?.message).toBe(`mdat at byte ${good.length}: no moof stands before it`);
    expect(refusals[0]?.hint).not.toBe('');
  });

  it('a body that ends inside a box is refused, not ended', () => {
    const { heard, send } = openTrack();
    expect(() => send(bytesOf(videoInit(), chunk(0)).subarray(0, -2))).toThrow();
    expect(heard.at(-1)).toBe('v720 refused CMAF_BOX_TRUNCATED');
  });

  it('the sink may refuse a chunk by throwing a ServiceError', () => {
    const offGrid = new ServiceError('CMAF_OFF_GRID', 'Off by 41 ms.', { hint: 'Lock the encoder to UTC.' });
    const { heard, refusals, send } = openTrack({
      onFragment: () => {
        throw offGrid;
      },
    });
    expect(() => send(bytesOf(videoInit(), chunk(0), chunk(1)))).toThrow(offGrid);
    expect(heard).toEqual(['v720 init avc1.640028', 'v720 refused CMAF_OFF_GRID']);
    expect(refusals[0]).toEqual({ code: 'CMAF_OFF_GRID', message: 'Off by 41 ms.', hint: 'Lock the encoder to UTC.' });
  });

  it('what else a sink throws is the service’s own fault and stays untold', () => {
    const { refusals, send } = openTrack({
      onInit: () => {
        throw new TypeError('secret detail');
      },
    });
    expect(() => send(videoInit())).toThrow(TypeError);
    expect(refusals[0]?.code).toBe('HTTP_INTERNAL');
    expect(refusals[0]?.message).not.toContain('secret detail');
  });

  it('an abandoned body tells nothing any more', () => {
    const { heard, body } = openTrack();
    const one = body();
    one.push(videoInit());
    one.abandon();
    one.push(chunk(0));
    one.abort();
    expect(heard).toEqual(['v720 init avc1.640028']);
  });
});
