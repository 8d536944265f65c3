/** Characters that mean something anywhere in a line of GitHub Flavored Markdown. */
const special = /[\\`*_[\]<>&~|$]/g;

/** What makes a block of a line that begins with it: heading, list, rule, setext underline. */
const blockStart = /^(?:[#+=-]|\d{1,9}(?=[.)]))/;

/** Controls, line and paragraph separators, half surrogates, and the marks that turn the direction of text around. */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]+/gu;
const directionMarks = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

const zeroWidthSpace = '\u200b';

/**
 * A string from elsewhere (a record, an image header) as plain text of one line in a card's `detail`: no HTML, link,
 * image, emphasis, table, block or autolink can come out of it.
 *
 * Bare addresses (`https://…`, `www.…`, `a@b`) become links in GFM after backslash escapes are resolved, so they are
 * broken with a zero-width space instead: the text looks the same and leads nowhere.
 * @see https://github.github.com/gfm/
 */
export function escapeMarkdown(text: string): string {
  return text
    .replace(directionMarks, '')
    .replace(unprintable, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(special, '\\$&')
    .replace(blockStart, (start) => (/\d/.test(start) ? start : `\\${start}`))
    .replace(/^(\d{1,9})([.)])/, '$1\\$2')
    .replace(/:(?=\/\/)|www(?=\.)|@|\b(?:mailto|xmpp):/gi, `$&${zeroWidthSpace}`);
}

/**
 * What in a card's `detail` could carry markup past an EHR's renderer, in words: raw HTML, an autolink in angle
 * brackets, an image or link that is not https. Backslash-escaped characters are text.
 */
export function markdownProblems(detail: string): string[] {
  const bare = detail.replace(/\\[!-/:-@[-`{-~]/g, '');
  const problems: string[] = [];
  if (/<[a-z/!?]/i.test(bare)) problems.push('has raw HTML or an autolink');
  for (const [, target] of bare.matchAll(/\]\(\s*([^)\s]*)/g)) {
    if (!/^https?:\/\//i.test(String(target))) problems.push('has a link or image that is not https');
  }
  if (/^ {0,3}\[[^\]]+\]:/m.test(bare)) problems.push('has a link definition');
  return problems;
}
