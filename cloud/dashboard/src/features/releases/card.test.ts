import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import CardText from './CardText';

function shown(text: string): string {
  return renderToStaticMarkup(createElement(CardText, { text }));
}

describe('a model card', () => {
  it('has headings below those of the page, tables, lists and code', () => {
    const html = shown(
      '# finder 1.0.0\n\n## Limits\n\n- night\n- `fog`\n\n| judged on | F1 |\n|---|---|\n| pens | 0.8 |\n',
    );
    expect(html).toMatch(/<h4[^>]*>finder 1.0.0<\/h4>/);
    expect(html).toMatch(/<h5[^>]*>Limits<\/h5>/);
    expect(html).toMatch(/<ul>.*<li>night<\/li>.*<code>fog<\/code>/s);
    expect(html).toMatch(/role="region"[^>]*><table>.*<th>judged on<\/th>.*<td>pens<\/td>/s);
    expect(html).not.toMatch(/<h[123]/);
  });

  it('runs nothing and fetches nothing', () => {
    const html = shown(
      '<script>alert(1)</script>\n\n<img src="x" onerror="alert(1)">\n\n![the pen](https://elsewhere.example/pen.png) ' +
        '[here](javascript:alert(1)) [there](https://elsewhere.example)',
    );
    expect(html).not.toMatch(/<script|<img|href="javascript/i);
    expect(html).toContain('&lt;script&gt;');
    expect(html).toContain('the pen');
    expect(html).toMatch(/<a[^>]*href="https:\/\/elsewhere.example"[^>]*>there/);
    expect(html).toMatch(/rel="noopener noreferrer"/);
  });
});
