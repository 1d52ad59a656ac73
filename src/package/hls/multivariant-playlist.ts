/**
 * The HLS multivariant playlist of the newest Period (RFC 8216bis 4.4.6, Apple HLS Authoring Specification 9).
 * It never measures: bandwidths are the plan's, so they are constant for the Period. Links are relative.
 */
import type { Track } from '../model.ts';
import { MasterPlaylist, multivariantText, PLAYLIST_VERSION, Rendition, Variant } from './playlist-text.ts';

const AUDIO_GROUP = 'audio';
/** Apple HLS Authoring Specification 1.x: the first listed variant is tried first and should be near 2 Mbit/s. */
const FIRST_VARIANT_BPS = 2_000_000;

/** `tracks`: those that are listed; `playlist` is the file name of their media playlists: `media.m3u8` or `dvr.m3u8`. */
export function renderMultivariantPlaylist(tracks: readonly Track[], playlist: 'media.m3u8' | 'dvr.m3u8'): string {
  const video = tracks.filter((track) => track.kind === 'video');
  const audio = tracks.filter((track) => track.kind === 'audio');
  const group = audio.map((track, i) => renditionOf(track, i === 0, playlist));
  const variants =
    video.length > 0
      ? inStartOrder(video).map((track) => variantOf(track, audio, group, playlist))
      : audio.map((track) => audioVariantOf(track, playlist));
  return multivariantText(
    new MasterPlaylist({
      version: PLAYLIST_VERSION,
      independentSegments: true,
      variants,
    }),
  );
}

function inStartOrder(video: readonly Track[]): Track[] {
  const descending = [...video].sort((a, b) => b.peakBps - a.peakBps);
  const first = descending.find((track) => track.averageBps <= FIRST_VARIANT_BPS) ?? descending.at(-1);
  return first === undefined ? [] : [first, ...descending.filter((track) => track !== first)];
}

function renditionOf(track: Track, isDefault: boolean, playlist: string) {
  const rendition = new Rendition({
    type: 'AUDIO',
    uri: `${track.id}/${playlist}`,
    groupId: AUDIO_GROUP,
    language: track.language,
    name: track.name,
    isDefault,
    autoselect: true,
    channels: String(track.channels ?? 2),
  } as InstanceType<typeof Rendition>);
  // hls-parser writes FORCED=NO when the field exists; RFC 8216bis 4.4.6.1 allows FORCED for subtitles only.
  return Object.assign(rendition, { forced: undefined });
}

/** 4.4.6.2: BANDWIDTH is the peak of the variant with its largest audio rendition; CODECS names every format in it. */
function variantOf(track: Track, audio: readonly Track[], group: readonly object[], playlist: string) {
  const codecs = [track.init.codec, ...new Set(audio.map((rendition) => rendition.init.codec))];
  return new Variant({
    uri: `${track.id}/${playlist}`,
    bandwidth: track.peakBps + Math.max(0, ...audio.map((rendition) => rendition.peakBps)),
    averageBandwidth: track.averageBps + Math.max(0, ...audio.map((rendition) => rendition.averageBps)),
    codecs: codecs.join(','),
    resolution: { width: track.init.width, height: track.init.height },
    frameRate: track.frameRate === undefined ? undefined : track.frameRate.num / track.frameRate.den,
    videoRange: 'SDR',
    audio: group,
    video: [],
    subtitles: [],
    closedCaptions: [],
  });
}

function audioVariantOf(track: Track, playlist: string) {
  return new Variant({
    uri: `${track.id}/${playlist}`,
    bandwidth: track.peakBps,
    averageBandwidth: track.averageBps,
    codecs: track.init.codec,
    audio: [],
    video: [],
    subtitles: [],
    closedCaptions: [],
  });
}
