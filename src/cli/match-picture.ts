/**
 * The generated match's picture as flags say it. Pure.
 * It never starts the match. Invariant: what it returns is taken by samples/match-feed.mjs.
 */
import { usageError } from './arguments.ts';
import type { Arguments } from './command.ts';
import { MATCH_PICTURE, type MatchPicture } from './push-command.ts';

/** `--size` and `--fps`. Throws USAGE. */
export function matchPicture(args: Arguments, command: string): MatchPicture {
  const size = args.text('size') ?? MATCH_PICTURE.size;
  const fps = args.text('fps') ?? MATCH_PICTURE.fps;
  if (!/^[1-9]\d{1,3}x[1-9]\d{1,3}$/.test(size)) throw usageError(`--size takes WxH, not '${size}'`, command);
  if (!/^(24|25|30|50|60|23\.976|23\.98|29\.97|59\.94)$/.test(fps)) {
    throw usageError(`--fps takes 24, 25, 30, 50, 60, 23.976, 29.97 or 59.94, not '${fps}'`, command);
  }
  return { size, fps };
}
