import { marked } from 'marked';
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import ReactMarkdown from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { describe, expect, it } from 'vitest';
import { escapeMarkdown, markdownProblems } from '#cds/markdown';

/** What a hostile record or image header may hold. */
const hostile = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '</p><b>bold',
  '<!-- comment -->',
  '<https://evil.example>',
  '<svg/onload=alert(1)>',
  '[click](https://evil.example)',
  '[click](javascript:alert(1))',
  '![x](https://evil.example/track.png)',
  '[ref][1]\n\n[1]: https://evil.example',
  '[^1]\n\n[^1]: note',
  'https://evil.example/x',
  'HTTP://evil.example',
  'see http://evil.example.',
  'www.evil.example',
  'WWW.evil.example',
  'a@evil.example',
  'mailto:a@evil.example',
  'xmpp:a@evil.example/x',
  'ftp://evil.example',
  '# heading',
  'heading\n===',
  'heading\n---',
  '=',
  '- item',
  '+ item',
  '* item',
  '1. item',
  '2) item',
  '> quote',
  '    code',
  '`code`',
  '```\ncode\n```',
  '~~~\ncode\n~~~',
  '~~gone~~',
  '**bold** _em_ __b__ *e*',
  '| a | b |\n|---|---|\n| 1 | 2 |',
  'a\\',
  '\\<b>',
  '\\\\<b>x</b>',
  '&lt;b&gt; &#60;b&#62; &copy;',
  '- [ ] task',
  '---',
  '***',
  'line one\nline two',
  'a  \nb',
  'a\u2028b\u2029c\u0000d',
  '$x$ and $$y$$',
];

const viaReact = (text: string) =>
  renderToStaticMarkup(createElement(ReactMarkdown, { remarkPlugins: [remarkGfm] }, text));
const viaMarked = (text: string) => marked.parse(text, { gfm: true, async: false });

describe('item 23 @85 text from elsewhere stays text in Markdown', () => {
  it.each(hostile)('%j makes nothing but one paragraph of text', (text) => {
    for (const render of [viaReact, viaMarked]) {
      const html = render(`Read: ${escapeMarkdown(text)}, today`);
      const alone = render(escapeMarkdown(text));
      for (const one of [html, alone]) {
        expect(one.match(/<[^>]*>/g), one).toEqual(['<p>', '</p>']);
      }
      expect(markdownProblems(escapeMarkdown(text))).toEqual([]);
    }
  });

  it.each([
    ['Chest PA/LAT, 2 views (portable) - 1.5 m', 'Chest PA/LAT, 2 views (portable) - 1.5 m'],
    ['a_b*c`d[e]f<g>h&i~j|k$l\\m', 'a\\_b\\*c\\`d\\[e\\]f\\<g\\>h\\&i\\~j\\|k\\$l\\\\m'],
    ['  \t two\n\n lines  ', 'two lines'],
    ['# x', '\\# x'],
    ['+x', '\\+x'],
    ['=x', '\\=x'],
    ['-x', '\\-x'],
    ['12. x', '12\\. x'],
    ['12) x', '12\\) x'],
    ['x 12. y', 'x 12. y'],
    ['1234567890. x', '1234567890. x'],
    ['12x', '12x'],
    ['a # b', 'a # b'],
    ['http://x', 'http:\u200b//x'],
    ['a: b', 'a: b'],
    ['www.x', 'www\u200b.x'],
    ['www', 'www'],
    ['a@b', 'a@\u200bb'],
    ['mailto:x', 'mailto:\u200bx'],
    ['MAILTO:x', 'MAILTO:\u200bx'],
    ['xmpp:x', 'xmpp:\u200bx'],
    ['a\u202eb\u2066c\u200fd\u061ce', 'abcde'],
    ['a\ud800b', 'a b'],
    ['a\u0007\u0000b', 'a b'],
    ['', ''],
    ['Thorax a.-p. übersicht 🩻', 'Thorax a.-p. übersicht 🩻'],
  ])('%j becomes %j', (text, expected) => {
    expect(escapeMarkdown(text)).toBe(expected);
  });
});

describe('item 23 item 32 what a detail may not carry', () => {
  it.each<[string, string[]]>([
    ['**Plain** and 1 < 2, a <- b', []],
    ['\\<b> and \\<!--', []],
    ['[x](https://a.example) ![x](http://a.example/x.png)', []],
    ['<b>', ['has raw HTML or an autolink']],
    ['</B>', ['has raw HTML or an autolink']],
    ['<!-- x -->', ['has raw HTML or an autolink']],
    ['<?php', ['has raw HTML or an autolink']],
    ['[x](javascript:alert(1))', ['has a link or image that is not https']],
    ['![x]( data:image/png;base64,AA)', ['has a link or image that is not https']],
    ['[x](/here)', ['has a link or image that is not https']],
    ['[x](xhttps://a.example)', ['has a link or image that is not https']],
    ['[x]: javascript:alert(1)', ['has a link definition']],
    ['text\n   [x]: y', ['has a link definition']],
    ['text [x]: y', []],
  ])('%j', (detail, problems) => {
    expect(markdownProblems(detail)).toEqual(problems);
  });
});
