/** A writer of XML elements: typed tree in, indented text out. It never reads XML. Invariant: all text is escaped. */

export interface XmlElement {
  readonly name: string;
  /** Attributes whose value is undefined are left out. */
  readonly attributes: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly children: readonly XmlElement[];
}

export function element(
  name: string,
  attributes: XmlElement['attributes'] = {},
  children: readonly (XmlElement | undefined)[] = [],
): XmlElement {
  return {
    name,
    attributes,
    children: children.filter((child) => child !== undefined),
  };
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

export function xmlDocument(root: XmlElement): string {
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>'];
  write(root, '', lines);
  return `${lines.join('\n')}\n`;
}

function write(node: XmlElement, indent: string, lines: string[]): void {
  const attributes = Object.entries(node.attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escapeXml(String(value))}"`)
    .join('');
  if (node.children.length === 0) {
    lines.push(`${indent}<${node.name}${attributes}/>`);
    return;
  }
  lines.push(`${indent}<${node.name}${attributes}>`);
  for (const child of node.children) write(child, `${indent}  `, lines);
  lines.push(`${indent}</${node.name}>`);
}
