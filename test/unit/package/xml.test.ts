import fc from 'fast-check';
import { XMLParser } from 'fast-xml-parser';
import { describe, expect, test } from 'vitest';
import { element, xmlDocument } from '../../../src/package/dash/xml.ts';

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseAttributeValue: false,
  trimValues: false,
});

describe('XML', () => {
  test('is written indented, with empty elements closed in place', () => {
    const root = element('a', { id: 1 }, [element('b'), element('c', { x: 'y' }, [element('d', { on: true })])]);
    expect(xmlDocument(root)).toBe(
      [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<a id="1">',
        '  <b/>',
        '  <c x="y">',
        '    <d on="true"/>',
        '  </c>',
        '</a>',
        '',
      ].join('\n'),
    );
  });

  test('leaves out what is undefined: attributes and children', () => {
    const root = element('a', { id: undefined, zero: 0, no: false, empty: '' }, [undefined, element('b'), undefined]);
    expect(root.children).toHaveLength(1);
    expect(xmlDocument(root)).toContain('<a zero="0" no="false" empty="">\n  <b/>\n</a>');
  });

  test('escapes the five characters that mean something (XML 1.0, 2.4)', () => {
    expect(xmlDocument(element('a', { x: `<&>"'&amp;` }))).toContain('x="&lt;&amp;&gt;&quot;&apos;&amp;amp;"');
  });

  test('property: whatever an attribute says is read back by another reader', () => {
    // XML 1.0 2.2 has no other control characters, and 3.3.3 makes blanks of tabs and line ends.
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/u.test(value));
    fc.assert(
      fc.property(text, (value) => {
        const read = parser.parse(xmlDocument(element('a', { x: value }))) as { a: { x: string } };
        expect(read.a.x).toBe(value);
      }),
    );
  });
});
