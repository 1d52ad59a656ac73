/** The repository checks itself: the import table of src/README.md, sizes, names and the top level. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const SRC = join(ROOT, 'src');

interface Row {
  readonly rooms: readonly string[];
  readonly typesOnly: readonly string[];
  readonly packages: readonly string[];
}

function importTable(): Map<string, Row> {
  const rows = new Map<string, Row>();
  const [, section = ''] = readFileSync(join(SRC, 'README.md'), 'utf8').split('## Who may import what');
  for (const line of section.split('\n## ')[0]?.split('\n') ?? []) {
    const cells = line.split('|').map((cell) => cell.trim());
    if (cells.length !== 5 || cells[1] === 'room' || cells[1]?.startsWith('---')) continue;
    const [, room, imports, packages] = cells as [string, string, string, string];
    const list = (text: string) => (text === '-' ? [] : text.split(',').map((name) => name.trim()));
    const typesOnly = list(imports).filter((name) => name.endsWith('(types)'));
    rows.set(room, {
      rooms: list(imports).map((name) => name.replace(' (types)', '')),
      typesOnly: typesOnly.map((name) => name.replace(' (types)', '')),
      packages: list(packages),
    });
  }
  return rows;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs|js)$/.test(entry.name) && !entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

function roomOf(file: string): string {
  const folder = relative(SRC, dirname(file));
  if (folder === '') return '.';
  return folder.startsWith('cmaf/isobmff') ? 'cmaf/isobmff' : (folder.split('/')[0] ?? folder);
}

interface Import {
  readonly from: string;
  readonly isType: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const statements = text.matchAll(/^\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm);
  const dynamic = text.matchAll(/(?:import|require(?:\.resolve)?|resolve)\(\s*'([^']+)'/g);
  return [
    ...[...statements].map((match) => ({ from: match[2] ?? '', isType: match[1] !== undefined })),
    ...[...dynamic].map((match) => ({ from: match[1] ?? '', isType: false })),
  ];
}

const table = importTable();
const files = sources(SRC).filter((file) => file.endsWith('.ts'));
const declared = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const npm = new Set([...Object.keys(declared.dependencies), ...Object.keys(declared.optionalDependencies)]);

/** A path inside a package that is looked up and not loaded (`x/package.json`) is no import. */
function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:') || specifier.endsWith('/package.json'))
    return undefined;
  const parts = specifier.split('/');
  const name = specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
  return name !== undefined && (npm.has(name) || !specifier.includes(' ')) ? name : undefined;
}

describe('the import table of src/README.md', () => {
  test('has a row for every room and no other', () => {
    const rooms = new Set(files.map(roomOf));
    expect([...rooms].filter((room) => !table.has(room))).toEqual([]);
    expect([...table.keys()].filter((room) => !rooms.has(room))).toEqual([]);
  });

  test('each room imports only what its row allows', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const room = roomOf(file);
      const row = table.get(room);
      for (const { from, isType } of importsOf(file)) {
        if (!from.startsWith('.')) continue;
        const target = roomOf(resolve(dirname(file), from));
        if (target === room || row?.rooms.includes('every room')) continue;
        if (!row?.rooms.includes(target)) wrong.push(`${relative(ROOT, file)} -> ${from}`);
        else if (row.typesOnly.includes(target) && !isType)
          wrong.push(`${relative(ROOT, file)} -> ${from} (types only)`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('each npm package is imported by its owner alone', () => {
    const wrong: string[] = [];
    for (const file of files) {
      for (const { from } of importsOf(file)) {
        const name = packageOf(from);
        if (name !== undefined && !table.get(roomOf(file))?.packages.includes(name)) {
          wrong.push(`${relative(ROOT, file)} -> ${name}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('the tree', () => {
  test('no file is longer than 400 lines', () => {
    const long = [...files, ...sources(join(ROOT, 'samples'))].filter(
      (file) => readFileSync(file, 'utf8').split('\n').length > 401,
    );
    expect(long.map((file) => relative(ROOT, file))).toEqual([]);
  });

  test('no file is named utils, helpers, common or misc', () => {
    expect(files.filter((file) => /(^|[/-])(utils?|helpers?|common|misc)(\.|\/|-)/.test(relative(ROOT, file)))).toEqual(
      [],
    );
  });

  test('every source file opens with what it is for', () => {
    expect(
      files
        .filter((file) => !/^(#![^\n]*\n)?\/\*\*/.test(readFileSync(file, 'utf8')))
        .map((file) => relative(ROOT, file)),
    ).toEqual([]);
  });

  test('the clock of the machine is read in src/system/clock.ts alone', () => {
    const readers = files.filter((file) => /Date\.now\(|new Date\(\)/.test(readFileSync(file, 'utf8')));
    expect(readers.map((file) => relative(ROOT, file))).toEqual(['src/system/clock.ts']);
  });

  test('the top level is what the project promises', () => {
    const ignored = ['node_modules', 'dist'];
    const top = readdirSync(ROOT).filter((name) => !name.startsWith('.') && !ignored.includes(name));
    const allowed = [
      'package.json',
      'package-lock.json',
      'tsconfig.json',
      'src',
      'ladders',
      'samples',
      'docker',
      'test',
      'README.md',
      'LICENSE',
    ];
    expect(top.filter((name) => !allowed.includes(name))).toEqual([]);
  });
});
