/**
 * The chosen theme before the first paint, so that nothing flashes. A classic script, since modules run after it.
 * It never decides: without a choice the system's scheme counts.
 */
try {
  const chosen = localStorage.getItem('pitchside-theme');
  if (chosen === 'dark' || chosen === 'light') document.documentElement.dataset['theme'] = chosen;
} catch {
  // The browser keeps nothing for this page: it is as the system is.
}
