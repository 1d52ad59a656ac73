/**
 * The match: where everybody and the ball are at a given second, and the score. Cricket, one ball every eight seconds.
 * It never draws. Invariant: a pure function of seed and time, continuous over the border between two balls.
 *
 * Ground co-ordinates: x 0..1 over the whole ground (wider than the picture), y 0 (far) .. 1 (near), height in parts of a player.
 */
import { chance } from './chance.mjs';

export const BALL_SECONDS = 8;
const RUN_UP = { x: 0.3, y: 0.56 };
const BOWLING_CREASE = { x: 0.425, y: 0.56 };
const STUMPS_FAR = 0.43;
const STUMPS_NEAR = 0.57;
const RELEASE_S = 2.4;
const STRIKE_S = 3;
const FIELDED_S = 5.4;
const RETURNED_S = 6.6;

/** @typedef {{ x: number, y: number }} Spot */
/** `stride` counts steps (a whole number = feet together), 0 stands still. @typedef {Spot & { kit: 'field' | 'bat' | 'umpire', stride: number }} Player */
/** @typedef {Spot & { height: number }} Ball */
/** `runs` is -1 for a wicket. @typedef {{ runs: number, end: Spot, lift: number }} Delivery */
/** @typedef {{ runs: number, wickets: number, balls: number }} Score */
/** @typedef {{ players: Player[], ball: Ball, camera: number, score: Score, last: string }} Scene */

/** @param {number} from @param {number} to @param {number} part */
const mix = (from, to, part) => from + (to - from) * part;
/** Smooth start and stop. @param {number} t @param {number} from @param {number} to */
const ease = (t, from, to) => {
  const part = Math.min(1, Math.max(0, (t - from) / (to - from)));
  return part * part * (3 - 2 * part);
};
/** @param {Spot} a @param {Spot} b @param {number} part @returns {Spot} */
const between = (a, b, part) => ({
  x: mix(a.x, b.x, part),
  y: mix(a.y, b.y, part),
});

const OUTCOMES = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 4, 4, 6, -1];

/** @param {number} seed @param {number} index @returns {Delivery} */
function deliveryOf(seed, index) {
  const random = chance(seed * 7919 + index * 104729 + 1);
  const runs = OUTCOMES[Math.floor(random() * OUTCOMES.length)] ?? 0;
  const angle = random() * 2 * Math.PI;
  if (runs === -1) return { runs, end: { x: STUMPS_NEAR + 0.012, y: 0.56 }, lift: 0 };
  const far = runs >= 4 ? 1 : 0.45 + 0.4 * random();
  const end = {
    x: 0.5 + 0.42 * far * Math.cos(angle),
    y: 0.6 + 0.33 * far * Math.sin(angle),
  };
  return {
    runs,
    end,
    lift: runs === 6 ? 6 : runs === 4 ? 0.6 : 1.6 * random(),
  };
}

/** @param {number} seed @returns {Spot[]} */
function fielderHomes(seed) {
  const random = chance(seed + 17);
  return Array.from({ length: 9 }, (_, index) => {
    const angle = ((index + 0.5 * random()) / 9) * 2 * Math.PI;
    const far = index % 3 === 0 ? 0.45 : 0.75 + 0.15 * random();
    return {
      x: 0.5 + 0.42 * far * Math.cos(angle),
      y: 0.6 + 0.32 * far * Math.sin(angle),
    };
  });
}

/** @param {Delivery} delivery @param {number} t @returns {Ball} */
function ballAt(delivery, t) {
  const hand = {
    x: mix(RUN_UP.x, BOWLING_CREASE.x, ease(t, 0, RELEASE_S)),
    y: RUN_UP.y,
  };
  if (t < RELEASE_S) return { ...hand, height: 0.8 + 0.5 * ease(t, RELEASE_S - 0.3, RELEASE_S) };
  const struck = { x: STUMPS_NEAR - 0.008, y: 0.56 };
  if (t < STRIKE_S) {
    const part = (t - RELEASE_S) / (STRIKE_S - RELEASE_S);
    const bounce = part < 0.7 ? 1.3 * (1 - part / 0.7) : 0.7 * ((part - 0.7) / 0.3);
    return {
      ...between(BOWLING_CREASE, struck, part),
      height: Math.max(0.05, bounce),
    };
  }
  if (t < FIELDED_S) {
    const part = 1 - (1 - (t - STRIKE_S) / (FIELDED_S - STRIKE_S)) ** 2;
    const height = 0.5 * (1 - part) + delivery.lift * 4 * part * (1 - part);
    return { ...between(struck, delivery.end, part), height };
  }
  const part = ease(t, FIELDED_S, RETURNED_S);
  const back = between(delivery.end, BOWLING_CREASE, part);
  const home = between(back, RUN_UP, ease(t, RETURNED_S, BALL_SECONDS));
  return { ...home, height: 0.8 + 1.5 * 4 * part * (1 - part) };
}

/** @param {Delivery} delivery @param {number} t @returns {Player[]} */
function bowlerAndBatters(delivery, t) {
  const runUp = ease(t, 0, RELEASE_S + 0.1);
  const back = ease(t, FIELDED_S, BALL_SECONDS);
  const bowling = between(RUN_UP, { x: BOWLING_CREASE.x + 0.015, y: RUN_UP.y + 0.03 * runUp }, runUp);
  const moving = (t > 0.1 && t < RELEASE_S) || t > FIELDED_S + 0.3;
  const bowler = {
    ...between(bowling, RUN_UP, back),
    kit: /** @type {const} */ ('field'),
    stride: moving ? 5 * t : 0,
  };
  const crossings = delivery.runs > 0 && delivery.runs < 4 ? delivery.runs : 0;
  const run = crossings * ease(t, STRIKE_S + 0.2, STRIKE_S + 0.4 + 1.1 * crossings);
  const crossed = Math.abs(((run + 1) % 2) - 1);
  const running = run > 0.02 && run < crossings - 0.02;
  const lane = 0.015 * Math.sin(Math.PI * crossed);
  const kit = /** @type {const} */ ('bat');
  const strides = running ? 5 * t : 0;
  return [
    bowler,
    {
      x: mix(STUMPS_NEAR - 0.006, STUMPS_FAR, crossed),
      y: 0.57 - lane,
      kit,
      stride: strides,
    },
    {
      x: mix(STUMPS_FAR, STUMPS_NEAR - 0.006, crossed),
      y: 0.57 + lane,
      kit,
      stride: strides,
    },
    { x: 0.4, y: 0.53, kit: 'umpire', stride: 0 },
    { x: 0.6, y: 0.56, kit: 'field', stride: 0 },
  ];
}

/** @param {readonly Spot[]} homes @param {Delivery} delivery @param {number} t @returns {Player[]} */
function fieldersAt(homes, delivery, t) {
  const reach = homes.map((home) => Math.hypot(home.x - delivery.end.x, home.y - delivery.end.y));
  const nearest = reach.indexOf(Math.min(...reach));
  const chase = ease(t, STRIKE_S + 0.2, FIELDED_S) * (1 - ease(t, FIELDED_S + 0.4, BALL_SECONDS));
  return homes.map((home, index) => {
    const walkIn = 0.01 * ease(t, 0.5, RELEASE_S) * (1 - ease(t, FIELDED_S, BALL_SECONDS));
    const alert = between(home, { x: 0.5, y: 0.56 }, walkIn * 3);
    const spot = index === nearest ? between(alert, delivery.end, chase) : alert;
    const moves = index === nearest && chase > 0.01 && chase < 0.99;
    return { ...spot, kit: 'field', stride: moves ? 5 * t : 0 };
  });
}

/** What the score bug calls a delivery. @param {Delivery} delivery */
function nameOf(delivery) {
  return delivery.runs === -1 ? 'WICKET' : delivery.runs === 6 ? 'SIX' : delivery.runs === 4 ? 'FOUR' : '';
}

/**
 * @param {number} seed
 * @returns {(seconds: number) => Scene} seconds since the first ball; cheapest when asked in rising order
 */
export function createPlay(seed) {
  const homes = fielderHomes(seed);
  let counted = 0;
  /** @type {Score} */
  let before = { runs: 0, wickets: 0, balls: 0 };
  let delivery = deliveryOf(seed, 0);

  /** @param {number} index */
  const advanceTo = (index) => {
    if (index < counted) {
      counted = 0;
      before = { runs: 0, wickets: 0, balls: 0 };
    }
    for (; counted < index; counted += 1) before = scoreAfter(before, deliveryOf(seed, counted));
    delivery = deliveryOf(seed, index);
  };

  return (seconds) => {
    const index = Math.floor(seconds / BALL_SECONDS);
    if (index !== counted) advanceTo(index);
    const t = seconds - index * BALL_SECONDS;
    const ball = ballAt(delivery, t);
    const follow = ease(t, STRIKE_S, STRIKE_S + 1.4) * (1 - ease(t, FIELDED_S + 0.2, BALL_SECONDS));
    const camera = mix(0.5 + 0.03 * Math.sin(seconds * 0.4), mix(0.5, delivery.end.x, 0.75), follow);
    const counts = t >= FIELDED_S;
    return {
      players: [...bowlerAndBatters(delivery, t), ...fieldersAt(homes, delivery, t)],
      ball,
      camera,
      score: counts ? scoreAfter(before, delivery) : before,
      last: counts ? nameOf(delivery) : '',
    };
  };
}

/** All out or fifty overs: the innings begins again. @param {Score} score @param {Delivery} delivery @returns {Score} */
function scoreAfter(score, delivery) {
  const next = {
    runs: score.runs + Math.max(0, delivery.runs),
    wickets: score.wickets + (delivery.runs === -1 ? 1 : 0),
    balls: score.balls + 1,
  };
  return next.wickets === 10 || next.balls === 300 ? { runs: 0, wickets: 0, balls: 0 } : next;
}
