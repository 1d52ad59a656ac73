/**
 * OBS Studio under Xvfb with the profile of samples/, as it is after its first start with that profile imported.
 * It never leaves a process behind that `end` was called for.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, waitFor } from './service.ts';

const PROFILE = 'pitchside-profile';

export interface Obs {
  /** Its log, the newest 50 kB. */
  said(): string;
  /** Asks it to quit, and waits. */
  end(): Promise<void>;
}

/** Starts to stream at once. `server` is `rtmp://HOST:PORT/live`, `key` what follows. */
export async function startObs(folder: string, server: string, key: string): Promise<Obs> {
  const display = run('Xvfb', ['-displayfd', '1', '-screen', '0', '1280x720x24', '-nolisten', 'tcp']);
  await waitFor('a display', () => /\d+\n/.test(display.said()));
  writeHome(join(folder, 'obs-studio'), server, key);
  const obs = run('obs', ['--profile', PROFILE, '--startstreaming', '--minimize-to-tray', '--multi'], {
    DISPLAY: `:${/(\d+)\n/.exec(display.said())?.[1]}`,
    XDG_CONFIG_HOME: folder,
    XDG_RUNTIME_DIR: folder,
    LIBGL_ALWAYS_SOFTWARE: '1',
    QT_QPA_PLATFORM: 'xcb',
  });
  return {
    said: obs.said,
    async end() {
      await obs.end();
      await display.end();
    },
  };
}

/** Without a collection of scenes it ignores --startstreaming. */
function writeHome(home: string, server: string, key: string): void {
  const profile = join(home, 'basic/profiles', PROFILE);
  mkdirSync(join(home, 'basic/scenes'), { recursive: true });
  cpSync(join(ROOT, 'samples/obs', PROFILE), profile, { recursive: true });
  const stream = JSON.parse(readFileSync(join(profile, 'service.json'), 'utf8')) as { settings: object };
  const settings = { ...stream.settings, server, key };
  writeFileSync(join(profile, 'service.json'), JSON.stringify({ ...stream, settings }));
  const scene = { id: 'scene', name: 'Scene', settings: { items: [] } };
  const scenes = {
    name: 'Match',
    current_scene: 'Scene',
    current_program_scene: 'Scene',
    scene_order: [{ name: 'Scene' }],
  };
  writeFileSync(join(home, 'basic/scenes/Match.json'), JSON.stringify({ ...scenes, sources: [scene] }));
  const basic = [`Profile=${PROFILE}`, `ProfileDir=${PROFILE}`, 'SceneCollection=Match', 'SceneCollectionFile=Match'];
  const general = ['FirstRun=true', 'EnableAutoUpdates=false'];
  writeFileSync(join(home, 'global.ini'), ['[General]', ...general, '[Basic]', ...basic, ''].join('\n'));
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child: ChildProcess = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-50_000);
    });
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
  return {
    said: () => said,
    async end() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(late);
    },
  };
}
