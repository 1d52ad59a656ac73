/**
 * The picture of a channel on its card: asked for every 5 s while somebody can see it, drawn on a canvas.
 * It never asks twice at a time, and not at all for what is out of sight. Invariant: a picture that is gone is not shown as if it were now.
 */

/** @typedef {{ canvas: HTMLCanvasElement, fetchPicture: () => Promise<ImageBitmap | undefined> }} ThumbnailParts */

const EVERY_MS = 5000;
/** Older is not what is on air. */
const STALE_MS = 20_000;

/** @param {ThumbnailParts} parts */
export function watchThumbnail({ canvas, fetchPicture }) {
  let isSeen = false;
  let isAsking = false;
  let askedMs = Number.NEGATIVE_INFINITY;
  let drawnMs = Number.NEGATIVE_INFINITY;
  const observer = new IntersectionObserver((entries) => {
    isSeen = entries.at(-1)?.isIntersecting ?? false;
    void look();
  });
  observer.observe(canvas);

  /** @param {ImageBitmap} picture */
  function draw(picture) {
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      canvas.width = picture.width;
      canvas.height = picture.height;
    }
    canvas.getContext('2d')?.drawImage(picture, 0, 0);
    picture.close();
    drawnMs = performance.now();
  }

  async function look() {
    const now = performance.now();
    canvas.dataset['picture'] = now - drawnMs < STALE_MS ? 'there' : 'none';
    if (!isSeen || document.hidden || isAsking || now - askedMs < EVERY_MS) return;
    isAsking = true;
    askedMs = now;
    try {
      const picture = await fetchPicture();
      if (picture) draw(picture);
      else drawnMs = Number.NEGATIVE_INFINITY;
    } catch {
      // The service does not answer: the picture goes stale by itself.
    }
    isAsking = false;
    canvas.dataset['picture'] = performance.now() - drawnMs < STALE_MS ? 'there' : 'none';
  }
  const timer = setInterval(() => void look(), 1000);
  return {
    stop() {
      clearInterval(timer);
      observer.disconnect();
    },
  };
}
