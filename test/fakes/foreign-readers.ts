/** CMAF as mp4box and ffprobe see it, in one shape, to hold our reader against. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createFile, MP4BoxBuffer } from 'mp4box';

export interface ForeignSample {
  readonly dts: number;
  readonly pts: number;
  readonly size: number;
  readonly isSync: boolean;
}

export interface ForeignTrack {
  readonly codec: string;
  readonly samples: readonly ForeignSample[];
}

/** mp4box reads tfdt as unsigned: times below 0 come out near 2^64. */
export function readByMp4box(bytes: Buffer): ForeignTrack {
  const file = createFile(false);
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(copy, 0), true);
  file.flush();
  const trak = file.moov.traks[0]!;
  const entry = trak.mdia.minf.stbl.stsd.entries[0]!;
  const samples = file.getTrackSamplesInfo(trak.tkhd.track_id);
  return {
    codec: entry.getCodec(),
    samples: samples.map(({ dts, cts, size, is_sync }) => ({ dts, pts: cts, size, isSync: is_sync })),
  };
}

export interface ProbedStream {
  readonly codec_name: string;
  readonly profile: string;
  readonly level: number;
  readonly time_base: string;
  readonly width?: number;
  readonly height?: number;
  readonly channels?: number;
  readonly sample_rate?: string;
  readonly nb_read_frames: string;
}

/** ffprobe with every frame decoded. */
export async function readByFfprobe(
  path: string,
): Promise<{ readonly stream: ProbedStream; readonly samples: readonly ForeignSample[] }> {
  const args = ['-v', 'error', '-count_frames', '-show_streams', '-show_packets', '-of', 'json', path];
  const { stdout } = await promisify(execFile)('ffprobe', args, { maxBuffer: 64 * 1024 * 1024 });
  const parsed: {
    streams: [ProbedStream];
    packets: { pts: number; dts: number; size: string; flags: string }[];
  } = JSON.parse(stdout);
  const samples = parsed.packets.map((packet) => ({
    dts: packet.dts,
    pts: packet.pts,
    size: Number(packet.size),
    isSync: packet.flags.startsWith('K'),
  }));
  return { stream: parsed.streams[0], samples };
}
