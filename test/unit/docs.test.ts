/**
 * The documents against the repository: what they link to and name exists, each command line is one that the program takes,
 * each settings example is one that `serve` takes, each variable, default and limit is that of the code.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readArguments } from '../../src/cli/arguments.ts';
import { allCommands } from '../../src/cli/commands.ts';
import type { Doors } from '../../src/cli/service-door.ts';
import { checkFile } from '../../src/config/check-file.ts';
import {
  CONTROL_TOKEN_VARIABLE,
  EDGE_SECRET_VARIABLE,
  SETTINGS_FLAGS,
  STREAM_KEY_VARIABLE,
} from '../../src/config/settings-overrides.ts';
import { settingsFileSchema } from '../../src/config/settings-schema.ts';
import { openMetrics } from '../../src/system/metrics.ts';
import { alertRules } from '../rig/run-book.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const scratch = mkdtempSync(join(tmpdir(), 'docs-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const under = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? under(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`],
  );
const DOCUMENTS = ['README.md', ...['docker', 'samples', 'ladders'].flatMap(under), 'src/README.md'].filter((file) =>
  file.endsWith('.md'),
);
/** What else shows command lines: comments of settings and scripts, what alerts say. */
const SAMPLES = ['docker', 'samples', 'ladders'].flatMap(under).filter((file) => /\.(sh|ya?ml|conf|vcl)$/.test(file));

/** The program as one text, for names that stand in it. */
const PROGRAM_TEXT = under('src')
  .filter((file) => file.endsWith('.ts'))
  .map(read)
  .join('\n');

interface Block {
  readonly document: string;
  readonly language: string;
  readonly text: string;
}
const blocksOf = (document: string): readonly Block[] =>
  [...read(document).matchAll(/^ *```(\w*)\n(.*?)^ *```$/gms)].map(([, language = '', text = '']) => ({
    document,
    language,
    text,
  }));
const BLOCKS = DOCUMENTS.flatMap(blocksOf);
/** The text without its code blocks. */
const proseOf = (document: string): string => read(document).replace(/^ *```.*?^ *```$/gms, '');
const inlineCode = (document: string): string[] =>
  [...proseOf(document).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);

/** As GitHub makes the name of a heading: lower case, no punctuation, blanks to hyphens. */
const anchorsOf = (document: string): readonly string[] =>
  [...proseOf(document).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- _]/gu, '')
      .replaceAll(' ', '-'),
  );

interface Link {
  readonly document: string;
  readonly file: string;
  readonly anchor: string | undefined;
}
const linksOf = (document: string): readonly Link[] =>
  [...proseOf(document).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(([, target = '', anchor]) => ({
    document,
    file: target === '' ? document : relative(ROOT, resolve(ROOT, dirname(document), target)),
    anchor,
  }));

describe('links', () => {
  const links = DOCUMENTS.flatMap(linksOf);

  test('lead to files and headings that there are', () => {
    expect(links.length).toBeGreaterThan(10);
    for (const { document, file, anchor } of links) {
      expect(existsSync(join(ROOT, file)), `${document}: ${file}`).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(file), `${document}: ${file}#${anchor}`).toContain(anchor);
    }
  });

  test('reach every document from README.md', () => {
    const reached = new Set(['README.md']);
    // A set that grows is walked to its end.
    for (const document of reached)
      if (document.endsWith('.md')) for (const { file } of linksOf(document)) reached.add(file);
    expect(DOCUMENTS.filter((document) => !reached.has(document))).toEqual([]);
  });
});

const FILE =
  /^(?:[\w.-]+\/)+[\w.-]+\.(?:ts|md|ya?ml|json|sh|mjs|js|vcl|conf|template)$|^(?:src|docker|samples|ladders|test)\/[\w./-]*$/;

test('files that are named exist, seen from the top or from the document', () => {
  const named = DOCUMENTS.flatMap((document) => inlineCode(document).map((code) => ({ document, code })));
  const files = named.filter(({ code }) => FILE.test(code));
  expect(files.length).toBeGreaterThan(30);
  for (const { document, code } of files) {
    const places = [join(ROOT, code), join(ROOT, dirname(document), code)];
    expect(places.some(existsSync), `${document}: ${code}`).toBe(true);
  }
});

/** Words of one simple command, quotes taken off; it ends at a pipe, a redirection, `;`, `&` and at a comment. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [token] of line.matchAll(/[|;&<>]|#.*|(?:'[^']*'|"[^"]*"|\\.|[^\s'"\\|;&<>])+/g)) {
    if (/^[|;&<>#]/.test(token)) break;
    words.push(token.replace(/'([^']*)'|"([^"]*)"|\\(.)/g, '$1$2$3'));
  }
  return words;
}

const COMMANDS = allCommands({} as Doors);
const PROGRAM = /(?<![\w/.-])(?:node dist\/main\.js|pitchside) +[^\n]*/g;

interface CommandLine {
  readonly place: string;
  readonly line: string;
}
const commandLines = (place: string, text: string): readonly CommandLine[] =>
  [...text.replace(/\\\n\s*/g, ' ').matchAll(PROGRAM)].map(([line]) => ({ place, line }));

const LINES: readonly CommandLine[] = [
  ...BLOCKS.filter(({ language }) => language === 'sh').flatMap(({ document, text }) => commandLines(document, text)),
  ...DOCUMENTS.flatMap((document) =>
    inlineCode(document)
      .filter((code) => /^(?:node dist\/main\.js|pitchside) /.test(code))
      .flatMap((code) => commandLines(document, code)),
  ),
  ...SAMPLES.flatMap((file) =>
    commandLines(file, read(file)).filter(({ line }) => line.startsWith('node dist/main.js')),
  ),
  ...SAMPLES.flatMap((file) =>
    [...read(file).matchAll(/`(pitchside [^`]*)`/g)].flatMap(([, line = '']) => commandLines(file, line)),
  ),
];

describe('command lines', () => {
  test('are taken by the commands that they name', () => {
    expect(LINES.length).toBeGreaterThan(15);
    for (const { place, line } of LINES) {
      const [name = '', ...argv] = wordsOf(line.replace(/^(?:node dist\/main\.js|pitchside) */, ''));
      if (name === '--help' || name === '--version') continue;
      const command = COMMANDS.find((candidate) => candidate.name === name);
      expect(command, `${place}: ${line}`).toBeDefined();
      if (command !== undefined) expect(() => readArguments(command, argv), `${place}: ${line}`).not.toThrow();
    }
  });

  test('of npm are scripts of package.json, and what stands after -- is taken', () => {
    const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
    const texts = [
      ...BLOCKS.filter(({ language }) => language === 'sh').map(({ document, text }) => [document, text] as const),
      ...DOCUMENTS.map((document) => [document, inlineCode(document).join('\n')] as const),
    ];
    const runs = texts.flatMap(([document, text]) =>
      [...text.matchAll(/npm (?:run (?:-s )?([\w:-]+)|(start|test)\b)([^\n#;&|]*)/g)].map(
        ([line, named, short, rest = '']) => ({ document, line, script: named ?? short ?? '', rest }),
      ),
    );
    expect(runs.length).toBeGreaterThan(10);
    for (const { document, line, script, rest } of runs) {
      expect(Object.keys(scripts), `${document}: ${line}`).toContain(script);
      const command = COMMANDS.find(({ name }) => name === (script === 'start' ? 'serve' : script));
      const [, after] = rest.split(/(?:^|\s)--\s/);
      if (command !== undefined && after !== undefined)
        expect(() => readArguments(command, wordsOf(after)), `${document}: ${line}`).not.toThrow();
      const bench = /--only ([\w-]+)/.exec(after ?? '')?.[1];
      if (script === 'bench' && bench !== undefined && bench !== 'X')
        expect(read('test/bench/main.ts'), `${document}: ${line}`).toMatch(new RegExp(`^  '?${bench}'?[:,]`, 'm'));
    }
  });

  test('of the shell can be read by one', () => {
    const scripts = BLOCKS.filter(({ language }) => language === 'sh');
    const all = scripts.map(({ text }, index) => `block_${index}() {\n${text}\n}`).join('\n');
    expect(() => execFileSync('bash', ['-n'], { input: all, stdio: ['pipe', 'ignore', 'pipe'] })).not.toThrow();
  });

  test('each command has a line in README.md', () => {
    for (const { name } of COMMANDS)
      expect(read('README.md'), name).toMatch(new RegExp(`(?:npm run|node dist/main\\.js) ${name}\\b`));
  });
});

const SETTINGS = /^(?:channels|http|rtmp|rtmps|cmaf|control|webhooks|video):/m;

describe('settings', () => {
  const examples = BLOCKS.filter(({ language, text }) => language === 'yaml' && SETTINGS.test(text));

  test('examples are files that the service takes, without a remark', async () => {
    expect(examples.length).toBeGreaterThanOrEqual(5);
    for (const file of ['fullchain.pem', 'privkey.pem']) writeFileSync(join(scratch, file), '');
    // The head of a PNG of 1920x1080.
    const png = '89504e470d0a1a0a0000000d494844520000078000000438';
    writeFileSync(join(scratch, 'half-time.png'), Buffer.from(png, 'hex'));
    for (const { document, text } of examples) {
      writeFileSync(join(scratch, 'example.yaml'), text);
      const secrets = [...text.matchAll(/\$\{(\w+)\}/g)].map(
        ([, name = '']) => [name, 'a-secret-of-the-test'] as const,
      );
      const env = { HOME: '/nowhere', ...Object.fromEntries(secrets) };
      expect(await checkFile(join(scratch, 'example.yaml'), env, scratch), `${document}: ${text}`).toMatchObject({
        problems: [],
        notes: [],
      });
    }
  });

  test('flags, variables and their defaults in the table are those of the program', () => {
    const readme = read('README.md');
    const rows = readme.split('\n').filter((line) => line.startsWith('| `--') || line.startsWith('| | `PITCHSIDE_'));
    for (const { flag, variable } of SETTINGS_FLAGS) {
      const row = rows.find((line) => line.includes(`\`--${flag} `) || line.includes(`\`--${flag}\``));
      expect(row, flag).toContain(`\`${variable}\``);
    }
    for (const variable of [STREAM_KEY_VARIABLE, EDGE_SECRET_VARIABLE, CONTROL_TOKEN_VARIABLE])
      expect(rows.some((row) => row.includes(`\`${variable}\``))).toBe(true);
    const written = [...PROGRAM_TEXT.matchAll(/\bPITCHSIDE_[A-Z]\w*/g)].map(([name]) => name);
    const known = [...written, ...SETTINGS_FLAGS.map(({ variable }) => variable)];
    for (const document of DOCUMENTS)
      for (const [variable] of read(document).matchAll(/\bPITCHSIDE_[A-Z]\w*/g))
        expect(known, document).toContain(variable);
    const { http, rtmp, control } = settingsFileSchema.parse({});
    for (const [flag, { host, port }] of Object.entries({ host: http, 'rtmp-host': rtmp, 'control-host': control }))
      expect(rows.find((row) => row.includes(`\`--${flag}\``))).toContain(`| ${host}, ${port} |`);
  });

  test('limits of RTMP in the table are those of the schema, least and most', () => {
    const rows = [...read('docker/running.md').matchAll(/^\| `(\w+)` \| (\d+) \| (\d+), (\d+) \|/gm)];
    const { limits } = settingsFileSchema.parse({}).rtmp;
    expect(Object.fromEntries(rows.map(([, name, value]) => [name, Number(value)]))).toEqual(limits);
    const takes = (name: string, value: number) =>
      settingsFileSchema.safeParse({ rtmp: { limits: { [name]: value } } }).success;
    for (const [, name = '', , least, most] of rows) {
      expect([takes(name, Number(least)), takes(name, Number(least) - 1)], name).toEqual([true, false]);
      expect([takes(name, Number(most)), takes(name, Number(most) + 1)], name).toEqual([true, false]);
    }
  });
});

describe('names of what is watched', () => {
  const rules = alertRules(read('docker/prometheus/alerts.yml'));

  test('alerts are those of the rules, and README.md says how many there are', () => {
    expect(read('README.md')).toContain(`has ${rules.length} alerts`);
    const names = rules.map(({ alert }) => alert);
    for (const document of DOCUMENTS)
      for (const [name] of read(document).matchAll(/\bPitchside[A-Z]\w+/g)) expect(names, document).toContain(name);
  });

  test('metrics are those of the registry', () => {
    const names = openMetrics().rows.map(({ name }) => name);
    for (const document of DOCUMENTS)
      for (const [, name = ''] of read(document).matchAll(/`(pitchside_[a-z_]+[a-z])/g))
        expect(names, document).toContain(name);
  });

  test('codes are those of the program', () => {
    const named = DOCUMENTS.flatMap((document) => inlineCode(document).map((code) => ({ document, code })));
    const codes = named.filter(({ code }) => /^[A-Z]{3,}(?:_[A-Z]+)+$/.test(code) && !code.startsWith('PITCHSIDE_'));
    expect(codes.length).toBeGreaterThan(20);
    for (const { document, code } of codes)
      if (!['FFMPEG_PATH', 'EDGE_SECRET', 'CADDY_TLS', 'CAP_NET_BIND_SERVICE'].includes(code))
        expect(PROGRAM_TEXT, `${document}: ${code}`).toMatch(new RegExp(`\\b${code}\\b`));
  });
});
