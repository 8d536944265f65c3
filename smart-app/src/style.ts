import type { AppStyle } from '#core/app';

/**
 * The EHR's style as CSS variables. The background says whether the page is light or dark; the colours are taken only
 * where everything on them can be read (WCAG 2.2 §1.4.3: 4.5 to 1). Colours of meaning stay the page's own.
 * @see SMART App Launch 2.2 §Styling
 */
export function applyStyle(root: HTMLElement, style: AppStyle | null): void {
  if (style === null) return;
  const set = (name: string, value: string | null) => {
    if (value !== null) root.style.setProperty(name, value);
  };
  const { backgroundColor: ground, textColor: ink } = style;
  if (ground !== null) {
    const light = luminance(ground);
    root.dataset['scheme'] = light > 0.2 ? 'light' : 'dark';
    // Between, the page's own quieter colours could not be read on it.
    if ((light > 0.75 || light < 0.025) && ink !== null && contrast(ground, ink) >= 7) {
      set('--ground', ground);
      set('--ink', ink);
    }
  }
  if (style.highlightColor !== null) {
    const on =
      contrast(style.highlightColor, '#ffffff') >= contrast(style.highlightColor, '#000000')
        ? '#ffffff'
        : '#000000';
    set('--highlight', style.highlightColor);
    set('--highlight-ink', on);
  }
  if (style.borderRadiusPixels !== null)
    set('--radius', `${Math.min(Math.max(style.borderRadiusPixels, 0), 24)}px`);
  set('--body-font', style.bodyFontFamily);
  set('--heading-font', style.headingFontFamily);
}

/** Relative luminance of `#rrggbb`, [0, 1]. @see WCAG 2.2 §relative luminance */
function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}
