/**
 * Settings that are planned and do not work today: each is refused by its name, so that nobody believes it is on.
 * It never lists what is merely unknown; an entry leaves this file in the commit that makes it work.
 */

import type { YamlPath } from './yaml-source.ts';

const PLANNED_AT_TOP: Readonly<Record<string, string>> = {
  tls: 'TLS (put a TLS proxy in front)',
  srt: 'SRT ingest; push RTMP',
  access: 'viewer tokens; let the CDN check them',
};

const PLANNED_IN_LISTEN: Readonly<Record<string, string>> = {
  tls: 'TLS (put a TLS proxy in front of this port)',
};

const PLANNED_IN_CHANNEL: Readonly<Record<string, string>> = {
  access: 'viewer tokens; let the CDN check them',
  captions: 'captions; those in the picture data are dropped',
  drm: 'DRM',
  record: 'recording',
};

/** `not yet: ...` for a key or value that is planned, by its path in the settings file. */
export function settingsNotYet(path: YamlPath): string | undefined {
  const planned = plannedAt(path.map(String));
  return planned === undefined ? undefined : `not yet: ${planned}`;
}

function plannedAt([top = '', second = '', key, ...deeper]: readonly string[]): string | undefined {
  if (second === '') return own(PLANNED_AT_TOP, top);
  if (top !== 'channels') return key === undefined ? own(PLANNED_IN_LISTEN, second) : undefined;
  if (key === undefined || deeper.length > 0) return undefined;
  return own(PLANNED_IN_CHANNEL, key);
}

function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
