/**
 * What settings mean together: secrets that name two channels, ports used twice, a file without channels.
 * It never puts a secret into a text.
 */
import type { ChannelSettings, Listen } from './model.ts';
import type { Problem } from './problem.ts';
import { STREAM_KEY_VARIABLE } from './settings-overrides.ts';
import type { YamlSource } from './yaml-source.ts';

export function channelProblems(
  channels: readonly ChannelSettings[],
  source: YamlSource | undefined,
  streamKey: string | undefined,
): Problem[] {
  const outside = (text: string, from: string): Problem => ({
    code: 'CONFIG_INVALID',
    source: from,
    place: undefined,
    path: '',
    text,
  });
  const problems: Problem[] = [];
  const unlocked = channels.filter(({ keys }) => keys.length === 0);
  if (streamKey !== undefined && unlocked.length > 1)
    problems.push(
      outside(
        `would be the key of ${unlocked.map(({ id }) => id).join(' and ')}; give each channel its own keys`,
        STREAM_KEY_VARIABLE,
      ),
    );
  const owners = new Map<string, string>();
  const ids = new Set(channels.map(({ id }) => id));
  for (const { id, keys } of channels)
    for (const { name, secret } of keys) {
      const owner = owners.get(secret);
      const report = (text: string) =>
        problems.push(source?.problem(['channels', id, 'keys', name], text) ?? outside(text, STREAM_KEY_VARIABLE));
      // The bare secret may stand for its channel in an RTMP path, so it has to name exactly one.
      if (owner !== undefined && owner !== id)
        report(`the same secret as in channel ${owner}; every channel needs its own, or nobody knows whose feed it is`);
      else if (ids.has(secret)) report('the secret is the id of a channel; take a long random one');
      owners.set(secret, id);
    }
  return problems;
}

/** A port that two listeners want; 0 is any free one and never collides. */
export function portProblems(listens: Readonly<Record<string, Listen>>): Problem[] {
  const owners = new Map<number, string>();
  return Object.entries(listens).flatMap(([name, { port }]): Problem[] => {
    const owner = owners.get(port);
    owners.set(port, name);
    if (port === 0 || owner === undefined) return [];
    const text = `${owner} and ${name} both want port ${port}; give each its own, or 0 for any free one`;
    return [{ code: 'CONFIG_INVALID', source: 'ports', place: undefined, path: '', text }];
  });
}

/** What a pushed or copied Channel cannot be: its media is as its encoder made it. */
export function sourceProblems(
  channels: readonly ChannelSettings[],
  source: YamlSource | undefined,
  isCmafOpen: boolean,
): Problem[] {
  return channels.flatMap(({ id, source: from, latency, ladder }): Problem[] => {
    const report = (key: string, text: string): Problem[] =>
      source === undefined
        ? [{ code: 'CONFIG_INVALID', source: `channel ${id}`, place: undefined, path: key, text }]
        : [source.problem(['channels', id, key], text)];
    const copies = ladder.video.some(({ copy }) => copy === true);
    const isPushed = from === 'cmaf';
    return [
      ...(isPushed && !isCmafOpen
        ? report('source', 'nothing is open for cmaf; add cmaf: { port: 8082 } beside channels, or --cmaf-port')
        : []),
      ...(isPushed && copies
        ? report(
            'ladder',
            `ladder ${ladder.name} copies an RTMP feed, and this channel is pushed; name one without copy`,
          )
        : []),
      ...((isPushed || copies) && latency !== 'normal'
        ? report('latency', `${latency} is for encoded channels; a ${isPushed ? 'pushed' : 'copied'} one is normal`)
        : []),
    ];
  });
}
