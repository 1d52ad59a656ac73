/**
 * The video half of an encode command: one decode is put on the grid, split once and scaled for every rung.
 * It never sees a URL or an encoder option. Invariants: all rungs get the same frames, on exact slots of the grid counted
 * from the start of the run, and leave as BT.709 limited 4:2:0 with square pixels whatever came in.
 */
import { type FrameRate, sameFrameRate } from '../system/frame-rate.ts';
import type { EncodeGrid, TranscodePlan, VideoTrackPlan } from './model.ts';

/** What every output picture is declared and converted to; also the slate's, so that init segments agree. */
const TO_BT709 = 'out_color_matrix=bt709:out_range=tv';
const TAGS = 'setparams=field_mode=prog:range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709';
/** Frames keep their slot while they are less than this many frames off it. */
const SLOT_HYSTERESIS = 0.75;

/** The rungs that a worker encodes; a copy is taken from the feed itself. */
export function encodedVideo(plan: TranscodePlan): readonly VideoTrackPlan[] {
  return plan.video.filter((track) => !track.isCopy);
}

/** The graph of a worker: `[0:v:0]` in, `[v0]`, `[v1]`... out in the order of encodedVideo(plan). */
export function workerGraph(plan: TranscodePlan, trimMs: number, sourceRate: FrameRate | undefined): string {
  const encoded = { ...plan, video: encodedVideo(plan) };
  return graph(encoded, `[0:v:0]${slots(plan.grid, trimMs, sourceRate)}`, (track) => track.pad);
}

/** The graph of the slate: one still picture repeated on the grid, always fitted and padded; transparency becomes black. */
export function slateGraph(plan: TranscodePlan, mayHaveAlpha: boolean): string {
  const { frameRate, videoTimescale } = plan.grid;
  const slotTicks = `round(N*${frameRate.den}/${frameRate.num}/TB)`;
  const opaque = mayHaveAlpha ? 'format=gbrap,premultiply=inplace=1,' : '';
  return graph(
    plan,
    `[0:v:0]${opaque}loop=loop=-1:size=1:start=0,settb=1/${videoTimescale},setpts='${slotTicks}'`,
    () => true,
  );
}

function graph(plan: TranscodePlan, head: string, pads: (track: VideoTrackPlan) => boolean): string {
  const branches = plan.video.map((_, index) => `[s${index}]`).join('');
  const split = plan.video.length === 1 ? branches : `,split=${plan.video.length}${branches}`;
  const rungs = plan.video.map((track, index) => `[s${index}]${rung(track, plan.grid, pads(track))}[v${index}]`);
  return [`${head}${split}`, ...rungs].join(';');
}

/**
 * Puts each frame on a whole slot of the grid: slot = time x rate, counted from trimMs. RTMP stamps are whole milliseconds of the
 * publisher's clock, so a frame's phase wanders; plain rounding would drop and double frames in turn while it wanders past one
 * half. Hence a frame takes the slot after its predecessor's while it is within 0.75 of it, and ffmpeg's constant
 * rate has nothing left to do but fill holes. (Left alone, it lets a fast feed run two frames ahead of its sound before it drops one,
 * and halves 50 to 25 fps with an offset of 1.5 frames.) Frames before trimMs and second frames of a slot go, before they are scaled.
 */
function slots(grid: EncodeGrid, trimMs: number, sourceRate: FrameRate | undefined): string {
  const { frameRate, videoTimescale } = grid;
  const sourceSlots = sourceRate ?? frameRate;
  const filters = [`settb=1/${videoTimescale}`, `setpts='${snap(sourceSlots, trimMs)}'`];
  // Another rate than the grid's: exact slots of the source first, then the nearest of the grid; a tie goes down, also when floats make it look a little more.
  if (!sameFrameRate(sourceSlots, frameRate)) {
    const { num, den } = frameRate;
    filters.push(`setpts='round(ceil(T*${num}/${den}-0.501)*${den}/${num}/TB)'`);
  }
  filters.push(`select='gte(pts,0)*(isnan(prev_selected_pts)+gt(pts,prev_selected_pts))'`);
  return filters.join(',');
}

function snap({ num, den }: FrameRate, trimMs: number): string {
  const time = trimMs === 0 ? 'T' : `(T-${trimMs / 1000})`;
  const slot = `if(lt(abs(ld(0)-ld(1)),${SLOT_HYSTERESIS}),ld(1),round(ld(0)))`;
  return `st(0,${time}*${num}/${den});st(1,round(PREV_OUTT*${num}/${den})+1);round(${slot}*${den}/${num}/TB)`;
}

function rung(track: VideoTrackPlan, grid: EncodeGrid, pad: boolean): string {
  const { num, den } = grid.frameRate;
  const filters: string[] = [];
  // Every second slot, not every second frame: a lost frame must not move the half-rate rungs against the others.
  if (!sameFrameRate(track.frameRate, grid.frameRate)) filters.push(`select='not(mod(round(t*${num}/${den}),2))'`);
  filters.push(...(pad ? fitted(track) : [`scale=${track.width}:${track.height}:flags=${scaler(track)}:${TO_BT709}`]));
  filters.push('format=yuv420p', 'setsar=1', TAGS);
  return filters.join(',');
}

/** Fits by display aspect (`dar`), so that non-square pixels come out right. */
function fitted(track: VideoTrackPlan): string[] {
  const { width, height } = track;
  const w = `trunc(min(${width},${height}*dar)/2)*2`;
  const h = `trunc(min(${height},${width}/dar)/2)*2`;
  return [
    `scale=w='${w}':h='${h}':flags=${scaler(track)}:${TO_BT709}`,
    'format=yuv420p',
    `pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2:color=black`,
  ];
}

/**
 * Presets that spare CPU get bilinear (it averages when it shrinks, where fast_bilinear takes two of four pixels and grass
 * flickers, for 0.4 ms a 1080p frame more); the others bicubic.
 */
function scaler(track: VideoTrackPlan): string {
  return track.preset === 'ultrafast' || track.preset === 'superfast' ? 'bilinear' : 'bicubic';
}
