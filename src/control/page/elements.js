/**
 * The page's own elements by id, and text put into them.
 * Invariant: what comes from the service goes in as text, never as markup; what did not change is not touched.
 */

/** @param {string} id */
export function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found;
}

/** @param {string} id */
export function button(id) {
  return /** @type {HTMLButtonElement} */ (element(id));
}

/** @param {string} id */
export function dialog(id) {
  return /** @type {HTMLDialogElement} */ (element(id));
}

/** @param {Element} target @param {string} text */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** @param {string} id @param {string} text */
export function setText(id, text) {
  write(element(id), text);
}

/** An address, which may break after a slash and nowhere in a word. @param {string} id @param {string} url */
export function setAddress(id, url) {
  const pieces = url.split(/(?<=[^/]\/)(?!\/)/);
  if (element(id).textContent !== url)
    element(id).replaceChildren(...pieces.flatMap((piece) => [piece, document.createElement('wbr')]));
}

/** A number with its unit set small. @param {string} id @param {string} value @param {string} unit */
export function setFigure(id, value, unit) {
  const target = element(id);
  if (target.textContent === `${value} ${unit}`) return;
  const small = document.createElement('small');
  small.textContent = ` ${unit}`;
  target.replaceChildren(value, small);
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name @param {string} className @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function make(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/**
 * Children by key: those that stay keep their element (and the focus in it), the others come and go, in the order of the items.
 * @template T
 * @param {HTMLElement} parent @param {readonly T[]} items @param {(item: T) => string} keyOf @param {(item: T) => HTMLElement} build
 * @param {(child: HTMLElement, item: T) => void} update
 */
export function fill(parent, items, keyOf, build, update) {
  const present = new Map(
    [...parent.children].map((child) => [/** @type {HTMLElement} */ (child).dataset['key'], child]),
  );
  items.forEach((item, index) => {
    const key = keyOf(item);
    const known = /** @type {HTMLElement | undefined} */ (present.get(key));
    const child = known ?? build(item);
    present.delete(key);
    child.dataset['key'] = key;
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
    update(child, item);
  });
  for (const gone of present.values()) gone.remove();
}

/** Said by a screen reader when it has nothing else to say. @param {string} text */
export function announce(text) {
  setText('announcer', text);
}

/** A line at the foot of the page that goes by itself. @param {string} text */
export function toast(text) {
  const line = make('p', 'toast', text);
  element('toasts').append(line);
  setTimeout(() => line.remove(), 7000);
}
