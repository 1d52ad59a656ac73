/**
 * A viewer of any kind: one door to the state machines. Pure.
 */
import { type DashViewer, newDashViewer, stepDash } from './dash-viewer.ts';
import { type HlsViewer, newHlsViewer, stepHls } from './hls-viewer.ts';
import type { Step, ViewerInput, ViewerKind } from './model.ts';
import type { Habits } from './whims.ts';

export type Viewer = HlsViewer | DashViewer;

/** It asks for nothing before its first wake. */
export function newViewer(kind: ViewerKind, url: string, seed: number, habits: Habits, nowMs: number): Viewer {
  return kind === 'dash' ? newDashViewer(url, seed, habits, nowMs) : newHlsViewer(kind, url, seed, habits, nowMs);
}

export function stepViewer(viewer: Viewer, input: ViewerInput, nowMs: number): Step<Viewer> {
  return viewer.kind === 'dash' ? stepDash(viewer, input, nowMs) : stepHls(viewer, input, nowMs);
}
