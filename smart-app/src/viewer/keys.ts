import type { MessageKey } from '../i18n/translate.ts';

/** What a key does. */
export type KeyId =
  | 'window'
  | 'zoom'
  | 'pan'
  | 'scroll'
  | 'length'
  | 'next'
  | 'previous'
  | 'first'
  | 'last'
  | 'move'
  | 'in'
  | 'out'
  | 'narrower'
  | 'wider'
  | 'darker'
  | 'brighter'
  | 'preset'
  | 'rotate'
  | 'flip'
  | 'invert'
  | 'fit'
  | 'reset'
  | 'erase'
  | 'map'
  | 'opacity'
  | 'compare'
  | 'together'
  | 'help';

interface Key {
  readonly id: KeyId;
  /** As printed on the keys. */
  readonly shown: string;
  /** Values of `KeyboardEvent.key`, lower case. */
  readonly keys: readonly string[];
  readonly shift?: boolean;
}

/** All keys of the viewer, in the order of the help. Letters do not depend on Shift unless it is named. */
export const viewerKeys: readonly Key[] = [
  { id: 'window', shown: 'W', keys: ['w'] },
  { id: 'zoom', shown: 'Z', keys: ['z'] },
  { id: 'pan', shown: 'P', keys: ['p'] },
  { id: 'scroll', shown: 'S', keys: ['s'] },
  { id: 'length', shown: 'L', keys: ['l'] },
  {
    id: 'move',
    shown: 'Shift + ← ↑ → ↓',
    keys: ['arrowleft', 'arrowright', 'arrowup', 'arrowdown'],
    shift: true,
  },
  { id: 'next', shown: '↓ · Page Down', keys: ['arrowdown', 'arrowright', 'pagedown'], shift: false },
  { id: 'previous', shown: '↑ · Page Up', keys: ['arrowup', 'arrowleft', 'pageup'], shift: false },
  { id: 'first', shown: 'Home', keys: ['home'] },
  { id: 'last', shown: 'End', keys: ['end'] },
  { id: 'in', shown: '+', keys: ['+', '='] },
  { id: 'out', shown: '−', keys: ['-', '_'] },
  { id: 'narrower', shown: '[', keys: ['['] },
  { id: 'wider', shown: ']', keys: [']'] },
  { id: 'darker', shown: ',', keys: [',', '<'] },
  { id: 'brighter', shown: '.', keys: ['.', '>'] },
  { id: 'preset', shown: '1 – 9', keys: ['1', '2', '3', '4', '5', '6', '7', '8', '9'] },
  { id: 'rotate', shown: 'R', keys: ['r'] },
  { id: 'flip', shown: 'X', keys: ['x'] },
  { id: 'invert', shown: 'I', keys: ['i'] },
  { id: 'fit', shown: 'F', keys: ['f'] },
  { id: 'reset', shown: '0', keys: ['0'] },
  { id: 'erase', shown: 'Delete', keys: ['delete', 'backspace'] },
  { id: 'map', shown: 'M', keys: ['m'] },
  { id: 'opacity', shown: 'O · Shift + O', keys: ['o'] },
  { id: 'compare', shown: 'C', keys: ['c'] },
  { id: 'together', shown: 'T', keys: ['t'] },
  { id: 'help', shown: '?', keys: ['?'] },
];

export const keyWords = (id: KeyId): Extract<MessageKey, 'viewer.key.help'> =>
  `viewer.key.${id}` as Extract<MessageKey, 'viewer.key.help'>;

/** As `aria-keyshortcuts` wants it. */
export const shortcut = (id: KeyId): string | undefined =>
  viewerKeys.find((key) => key.id === id)?.keys[0]?.replace(/^./, (letter) => letter.toUpperCase());

/** Where keys belong to the thing itself: a slider's arrows, a list, a field. */
const ownKeys = 'input, select, textarea, [role="listbox"], [role="toolbar"], [role="radiogroup"]';

/** @returns what the viewer is asked for; null: nothing, or the key belongs to what has the focus */
export function askedBy(event: KeyboardEvent): KeyId | null {
  const altGraph = event.getModifierState('AltGraph');
  if (event.defaultPrevented || ((event.ctrlKey || event.metaKey || event.altKey) && !altGraph)) return null;
  const pressed = event.key.toLowerCase();
  const target = event.target instanceof Element ? event.target : null;
  const field = target?.closest('input:not([type="range"]), textarea, select') ?? null;
  if (field !== null || (pressed.length > 1 && target?.closest(ownKeys))) return null;
  return (
    viewerKeys.find(
      ({ keys, shift }) => keys.includes(pressed) && (shift === undefined || shift === event.shiftKey),
    )?.id ?? null
  );
}
