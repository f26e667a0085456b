"""The operations that differ between the languages, in JavaScript, as Python does them.

Where Python raises, these throw. No Python name holds a `$`, so these clash with none.
"""

RUNTIME = """\
const $fail = (why) => { throw new RangeError(why); };
const $div = (a, b) => (b === 0 ? $fail("division by zero") : a / b);
// min and max keep the first of equals, and whatever stands before a NaN.
const $min = (...xs) => xs.reduce((best, x) => (x < best ? x : best));
const $max = (...xs) => xs.reduce((best, x) => (x > best ? x : best));
const $whole = (x) => (Number.isFinite(x) ? x + 0 : $fail("no whole number")); // an int has no -0
const $floor = (x) => $whole(Math.floor(x));
const $ceil = (x) => $whole(Math.ceil(x));
const $sqrt = (x) => (x < 0 ? $fail("square root of a negative number") : Math.sqrt(x));
const $abs = (x) => Math.abs(x);
const $isfinite = (x) => Number.isFinite(x);
const $isinf = (x) => x === Infinity || x === -Infinity;
const $isnan = (x) => Number.isNaN(x);
"""
