/**
 * Which programs the tests need, which are missing, and what is to be done about it: pure.
 * It never runs anything. Invariant: a plan either names every missing program or is empty.
 */
import { aptCommands, commandLine, type InstallCommand, type Machine } from '../../src/cli/install-step.ts';

/** A program as it is called, Debian's package that has it, and what the tests do with it. */
export interface NeededProgram {
  readonly name: string;
  /** Or several, with blanks between: plugins without a program of their own. */
  readonly debianPackage: string;
  readonly purpose: string;
}

export const NEEDED_PROGRAMS: readonly NeededProgram[] = [
  { name: 'ffmpeg', debianPackage: 'ffmpeg', purpose: 'encodes and pushes' },
  { name: 'ffprobe', debianPackage: 'ffmpeg', purpose: 'reads what was made' },
  { name: 'chromium', debianPackage: 'chromium', purpose: 'plays it' },
  { name: 'nginx', debianPackage: 'nginx', purpose: 'an edge' },
  { name: 'varnishd', debianPackage: 'varnish', purpose: 'an edge' },
  { name: 'caddy', debianPackage: 'caddy', purpose: 'an edge: TLS, HTTP/2, HTTP/3' },
  { name: 'promtool', debianPackage: 'prometheus', purpose: 'reads alert rules' },
  { name: 'wrk', debianPackage: 'wrk', purpose: 'load' },
  { name: 'xmllint', debianPackage: 'libxml2-utils', purpose: 'reads manifests strictly' },
  { name: 'openssl', debianPackage: 'openssl', purpose: 'makes a certificate' },
];

const GSTREAMER = ['tools', 'plugins-base', 'plugins-good', 'plugins-bad', 'plugins-ugly'];

/** Heavy ones, for `npm run test:long` alone. */
export const LONG_PROGRAMS: readonly NeededProgram[] = [
  {
    name: 'gst-launch-1.0',
    debianPackage: GSTREAMER.map((name) => `gstreamer1.0-${name}`).join(' '),
    purpose: 'pushes',
  },
  { name: 'obs', debianPackage: 'obs-studio', purpose: 'pushes' },
  { name: 'Xvfb', debianPackage: 'xvfb', purpose: 'a display for obs' },
];

/** Daemons of Debian live here, outside the PATH of ordinary users. */
export const DAEMON_FOLDERS: readonly string[] = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

export type ProvisionPlan =
  | { readonly kind: 'nothing' }
  | {
      readonly kind: 'install';
      readonly says: string;
      readonly update: InstallCommand;
      readonly install: InstallCommand;
    }
  | { readonly kind: 'impossible'; readonly says: string };

/**
 * @param find the absolute path of a program, or undefined
 */
export function planPrograms(
  needed: readonly NeededProgram[],
  find: (name: string) => string | undefined,
  machine: Machine,
): ProvisionPlan {
  const missing = needed.filter(({ name }) => find(name) === undefined);
  if (missing.length === 0) return { kind: 'nothing' };
  const packages = [...new Set(missing.flatMap(({ debianPackage }) => debianPackage.split(' ')))];
  const list = missing.map(({ name, purpose }) => `${name} (${purpose})`).join(', ');
  const { update, install } = aptCommands(packages);
  if (machine.apt && machine.root) {
    return { kind: 'install', says: `missing: ${list}; will run: ${commandLine(install)}`, update, install };
  }
  const way = machine.apt
    ? `Run \`sudo apt-get install ${packages.join(' ')}\``
    : `Put them on PATH; on Debian they are ${packages.join(' ')}`;
  return { kind: 'impossible', says: `missing: ${list}. ${way}, then run the tests again.` };
}
