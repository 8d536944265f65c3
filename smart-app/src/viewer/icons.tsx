/** Line drawings of 20 × 20, one path each. */
const paths = {
  window: 'M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14M10 3v14',
  zoom: 'M8.5 3.5a5 5 0 1 1 0 10a5 5 0 0 1 0-10M12.5 12.5L17 17M8.5 6.5v4M6.5 8.5h4',
  pan: 'M10 2.5v15M2.5 10h15M7.5 5L10 2.5L12.5 5M7.5 15L10 17.5L12.5 15M5 7.5L2.5 10L5 12.5M15 7.5L17.5 10L15 12.5',
  scroll: 'M5 6h10v10H5zM7 3.5h10v10M10 8.5v5M8 11.5l2 2l2-2',
  length: 'M3 14L14 3l3 3L6 17zM7 10l1.5 1.5M9.5 7.5L11 9M12 5l1.5 1.5',
  rotate: 'M15.5 10a5.5 5.5 0 1 1-2-4.2M13.8 2.5v3.5h-3.5',
  flip: 'M10 3v14M7.5 6L3 14h4.5zM12.5 6L17 14h-4.5z',
  invert: 'M4 4h12v12H4zM4 16L16 4M6 6h4M8 4v4M11 13.5h4',
  fit: 'M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4M7 7h6v6H7z',
  reset: 'M4.5 10a5.5 5.5 0 1 0 2-4.2M6.2 2.5v3.5h3.5M10 7.5V10l2 1.5',
  erase: 'M4 6h12M8 6V4h4v2M5.5 6l.8 11h7.400l.8-11M8.5 9v5M11.5 9v5',
  map: 'M3 3h14v14H3zM3 8h14M3 12.5h14M8 3v14M12.5 3v14',
  compare: 'M3 4h6v12H3zM11 4h6v12h-6z',
  together: 'M8.5 11.5l3-3M7 9L5 11a2.8 2.8 0 0 0 4 4l2-2M13 11l2-2a2.8 2.8 0 0 0-4-4L9 7',
  help: 'M7 7.5a3 3 0 1 1 4.5 2.600c-1 .6-1.5 1.100-1.5 2.400M10 15.5v.5',
  close: 'M5 5l10 10M15 5L5 15',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className="viewer-icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
