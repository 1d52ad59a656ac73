/**
 * One chart of the last five minutes: stacked areas or lines, with a scale, a legend of the newest figures, and a hand that reads a moment
 * (pointer, or left and right keys). It never fetches. Invariant: a series keeps its colour while the page is open.
 */
import {
  HEIGHT,
  heightOf,
  highestSum,
  linePath,
  nearestTo,
  placesOf,
  stackPaths,
  topOf,
  WIDTH,
} from './chart-scale.js';
import { fill, make, write } from './elements.js';
import { clockText, UNKNOWN } from './formats.js';
import { HISTORY_MS } from './history.js';

/** @typedef {import('./history.js').SeriesOverTime} SeriesOverTime */
/**
 * @typedef {object} ChartWords
 * @property {string} title
 * @property {'stack' | 'lines'} shape
 * @property {(value: number) => string} text a figure with its unit
 * @property {number} floor the scale never ends below it
 * @property {number} [reference] a line that is always there
 * @property {string} empty what is said while nothing is known
 */

const SVG = 'http://www.w3.org/2000/svg';
/** In tokens.css. */
const COLOURS = 10;

/** @param {string} name @param {Record<string, string>} attributes */
function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export class Chart {
  /** @type {Map<string, number>} */
  #colours = new Map();
  #words;
  #svg = shape('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  #plot = make('div', 'plot');
  #tops = [make('span', 'top-tick'), make('span', 'mid-tick')];
  #legend = make('ul', 'legend');
  #moment = make('span', 'moment');
  #empty = make('span', 'empty quiet');
  /** @type {SeriesOverTime} */
  #data = { timesMs: [], series: [] };
  #endMs = 0;
  /** The hand: a sample's time, or undefined. @type {number | undefined} */
  #handMs;

  /** @param {HTMLElement} parent @param {ChartWords} words */
  constructor(parent, words) {
    this.#words = words;
    this.#plot.tabIndex = 0;
    this.#plot.role = 'img';
    this.#plot.append(this.#svg, ...this.#tops, this.#empty);
    this.#empty.textContent = words.empty;
    const axis = make('div', 'axis', make('span', '', '−5 min'), this.#moment, make('span', '', 'now'));
    axis.ariaHidden = 'true';
    const head = make('div', 'card-head', make('h2', '', words.title));
    parent.append(make('section', 'card chart', head, this.#plot, axis, this.#legend));
    this.#listen();
  }

  #listen() {
    this.#plot.addEventListener('pointermove', (event) => {
      const box = this.#plot.getBoundingClientRect();
      this.#point(((event.clientX - box.left) / box.width) * WIDTH);
    });
    const leave = () => {
      this.#handMs = undefined;
      this.#draw();
    };
    this.#plot.addEventListener('pointerleave', leave);
    this.#plot.addEventListener('blur', leave);
    this.#plot.addEventListener('keydown', (event) => {
      const step = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
      if (step === 0) return;
      event.preventDefault();
      const { timesMs } = this.#data;
      const at = this.#handMs === undefined ? timesMs.length - 1 : timesMs.indexOf(this.#handMs) + step * 5;
      this.#handMs = timesMs[Math.max(0, Math.min(timesMs.length - 1, at))];
      this.#draw();
    });
  }

  /** @param {number} x in the box */
  #point(x) {
    const index = nearestTo(placesOf(this.#data.timesMs, this.#endMs, HISTORY_MS), x);
    this.#handMs = this.#data.timesMs[index];
    this.#draw();
  }

  /** @param {string} name */
  #colour(name) {
    const known = this.#colours.get(name) ?? this.#colours.size % COLOURS;
    this.#colours.set(name, known);
    return String(known);
  }

  /** @param {SeriesOverTime} data @param {number} endMs now */
  show(data, endMs) {
    this.#data = data;
    this.#endMs = endMs;
    if (this.#handMs !== undefined && !data.timesMs.includes(this.#handMs)) this.#handMs = undefined;
    this.#draw();
  }

  #draw() {
    const { timesMs, series } = this.#data;
    const { shape: kind, floor, reference, text } = this.#words;
    const values = series.map((one) => one.values);
    const known = values.flat().filter((value) => value !== undefined);
    const top = topOf(kind === 'stack' ? highestSum(values) : Math.max(0, ...known), floor);
    const places = placesOf(timesMs, this.#endMs, HISTORY_MS);
    const paths = kind === 'stack' ? stackPaths(values, places, top) : values.map((one) => linePath(one, places, top));
    const lines = [0.5, 0].map((share) => shape('path', { class: 'grid', d: `M0 ${HEIGHT * share}H${WIDTH}` }));
    if (reference !== undefined)
      lines.push(shape('path', { class: 'reference', d: `M0 ${heightOf(reference, top)}H${WIDTH}` }));
    const drawn = paths.map((d, index) =>
      shape('path', {
        class: kind === 'stack' ? 'area' : 'line',
        d,
        'data-colour': this.#colour(series[index]?.name ?? ''),
      }),
    );
    const hand =
      this.#handMs === undefined
        ? []
        : [shape('path', { class: 'hand', d: `M${places[timesMs.indexOf(this.#handMs)]} 0V${HEIGHT}` })];
    this.#svg.replaceChildren(...lines, ...drawn, ...hand);
    write(this.#tops[0] ?? this.#plot, text(top));
    write(this.#tops[1] ?? this.#plot, text(top / 2));
    this.#empty.hidden = known.length > 0;
    this.#showLegend();
  }

  #showLegend() {
    const { timesMs, series } = this.#data;
    const index = this.#handMs === undefined ? timesMs.length - 1 : timesMs.indexOf(this.#handMs);
    const rows = series.map(({ name, values }) => {
      const value = values[index];
      return { name, text: value === undefined ? UNKNOWN : this.#words.text(value) };
    });
    write(this.#moment, this.#handMs === undefined ? '' : clockText(this.#handMs));
    fill(
      this.#legend,
      rows,
      ({ name }) => name,
      ({ name }) => {
        const item = make('li', '', make('i', ''), make('span', '', name), make('b', ''));
        item.dataset['colour'] = this.#colour(name);
        return item;
      },
      (item, { text }) => write(item.lastElementChild ?? item, text),
    );
    const when = this.#handMs === undefined ? 'now' : `at ${clockText(this.#handMs)}`;
    const words = rows.map(({ name, text }) => `${name} ${text}`).join(', ');
    this.#plot.ariaLabel = `${this.#words.title}, ${when}: ${words || this.#words.empty}`;
  }
}
