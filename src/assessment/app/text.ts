/** Texts that others wrote, as the app gets them. The browser shows them as text; nothing here makes them safe as HTML. */

/** Characters that steer what stands beside them: controls, and those that turn the direction of writing. */
const steering = /[\p{Cc}\u202a-\u202e\u2066-\u2069\ufeff]+/gu;
const steeringInText = /(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069\ufeff]+/gu;

/** One line of at most `most` characters; null for nothing. */
export function line(text: string | null, most = 200): string | null {
  return cut(
    text
      ?.slice(0, 4 * most)
      .replace(steering, ' ')
      .replace(/\s+/g, ' ')
      .trim() ?? '',
    most,
  );
}

/** Lines of at most `most` characters in all; null for nothing. */
export function lines(text: string | null, most = 20_000): string | null {
  const plain =
    text
      ?.slice(0, 2 * most)
      .replace(/\r\n?/g, '\n')
      .replace(steeringInText, ' ')
      .trim() ?? '';
  return cut(plain, most);
}

function cut(text: string, most: number): string | null {
  if (text === '') return null;
  const characters = [...text.slice(0, 2 * most)];
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : characters.join('');
}
