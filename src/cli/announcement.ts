/**
 * What `serve` and `demo` print once the ports are open. Pure: settings and ports in, lines out.
 * It is one of the two places where a stream key is shown to a person (the other is the page, to its own machine).
 */

export interface Ports {
  readonly http: number;
  readonly rtmp: number;
  readonly rtmps?: number;
  readonly cmaf?: number;
  readonly control: number;
}

interface AnnouncedChannel {
  readonly id: string;
  /** What goes into OBS' "Stream Key", undefined when nobody may publish. */
  readonly streamKey: string | undefined;
  /** Of a channel that is pushed to as CMAF: its key and its Tracks, in the ladder's order. */
  readonly push?: { readonly key: string | undefined; readonly tracks: readonly string[] } | undefined;
}

export interface Announced {
  readonly ports: Ports;
  /** Hosts as configured; `0.0.0.0` and `::` are shown as localhost. */
  readonly hosts: {
    readonly http: string;
    readonly rtmp: string;
    readonly cmaf?: string | undefined;
    readonly control: string;
  };
  readonly channels: readonly AnnouncedChannel[];
}

/** The machine-readable first line of `--json`. */
export function listeningLine({ http, rtmp, rtmps, cmaf, control }: Ports): string {
  return JSON.stringify({ event: 'listening', http, rtmp, rtmps, cmaf, control });
}

/** The channel of a bare secret is named by the key itself only when there is one channel; the long form always works. */
export function streamKeyOf(channel: string, secret: string | undefined): string | undefined {
  return secret === undefined ? undefined : `${channel}?key=${encodeURIComponent(secret)}`;
}

/** A host as it stands in a URL that a person on this machine can open. */
export function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::' || host === '127.0.0.1' || host === '::1') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function rtmpServer({ hosts, ports }: Announced): string {
  return `rtmp://${urlHost(hosts.rtmp)}:${ports.rtmp}/live`;
}

export function pageUrl({ hosts, ports }: Announced): string {
  return `http://${urlHost(hosts.control)}:${ports.control}/`;
}

function channelLines(announced: Announced, channel: AnnouncedChannel): readonly string[] {
  const { hosts, ports } = announced;
  const base = `http://${urlHost(hosts.http)}:${ports.http}/live/${channel.id}`;
  return [
    '',
    `  Channel ${channel.id}`,
    ...(channel.push === undefined ? rtmpLines(announced, channel) : pushLines(announced, channel.id, channel.push)),
    `    HLS          ${base}/master.m3u8`,
    `    DASH         ${base}/manifest.mpd`,
  ];
}

function rtmpLines(announced: Announced, { streamKey }: AnnouncedChannel): readonly string[] {
  const { hosts, ports } = announced;
  return [
    `    OBS server   ${rtmpServer(announced)}`,
    ...(ports.rtmps === undefined ? [] : [`    over TLS     rtmps://${urlHost(hosts.rtmp)}:${ports.rtmps}/live`]),
    `    stream key   ${streamKey ?? '(none: give the channel a key in the settings)'}`,
  ];
}

function pushLines(
  { hosts, ports }: Announced,
  id: string,
  { key, tracks }: NonNullable<AnnouncedChannel['push']>,
): readonly string[] {
  return [
    `    push CMAF    http://${urlHost(hosts.cmaf ?? '')}:${ports.cmaf ?? 0}/cmaf/${id}/TRACK   (${tracks.join(', ')})`,
    `    header       Authorization: Bearer ${key ?? '(none: give the channel a key in the settings)'}`,
  ];
}

/** The lines for people. */
export function announcement(announced: Announced): readonly string[] {
  return [
    `  Console        ${pageUrl(announced)}`,
    ...announced.channels.flatMap((channel) => channelLines(announced, channel)),
    '',
  ];
}
