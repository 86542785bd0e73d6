// Numbers of every form, text beyond ASCII, nesting: what a compiler's tables, hashes and conversions work on.
enum Colour { Red = 1 << 4, Green = "grün".length, Blue = Red | Green }
export const numbers = [0x7fffffff, -0, 1e21, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 123456789012345680000n];
export const text = `snow ☃ ${"\u{1F600}"} ${numbers.length} \\ \r\n`;
export class Point<T extends number> {
  #x: T; static readonly origin = new Point(0, 0);
  constructor(x: T, private y: T) { this.#x = x }
  get length() { return Math.sqrt(this.#x ** 2 + this.y ** 2) }
  *[Symbol.iterator]() { yield this.#x; yield this.y }
}
export async function* walk(tree: { left?: any, right?: any, value: number } | null): AsyncGenerator<number> {
  if (!tree) return;
  yield* walk(tree.left ?? null);
  yield tree.value;
  for await (const value of walk(tree.right ?? null)) yield value;
}
export default { Colour, long: 1e3 * 1000, octal: 0o777, big: 2n ** 64n, nothing: void 0, pattern: /\p{L}+(?<year>\d{4})/giu };
label: for (let i = 0; i < 3; i++) { for (;;) { if (i & 1) continue label; break } }
