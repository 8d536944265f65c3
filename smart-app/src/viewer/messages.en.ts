/** The words of the viewer, part of the one table of `../i18n/en.ts`; keys begin with `viewer.`. */
export const viewerEn = {
  'viewer.title': 'Image',
  'viewer.close': 'Close the image',
} as const;
