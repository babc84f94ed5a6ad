/** What an application may throw that wants to be more than text in a page. */

export const SCRIPT = '<script>window.intruder = 1</script>';
export const ATTRIBUTE = `"'><img src=x onerror=window.intruder=1>`;

class Named extends Error {
  constructor(name: string) {
    super('named');
    this.name = name;
  }
}

/** An error from a function with that name. */
function thrownBy(name: string): unknown {
  const holder = { [name]: (): unknown => JSON.parse('{') };
  try {
    return holder[name]!();
  } catch (error) {
    return error;
  }
}

const having = (members: object): Error => Object.assign(new Error('x'), members);
const causedBy = (cause: unknown): Error => new Error('outer', { cause });

/** Where it hides, and what is thrown. */
export const HOSTILE: readonly [where: string, thrown: unknown][] = [
  ['message', new Error(SCRIPT)],
  ['message, in an attribute', new Error(ATTRIBUTE)],
  ['name', new Named(SCRIPT + ATTRIBUTE)],
  ['code', having({ code: SCRIPT + ATTRIBUTE })],
  ['hint, which youch takes for HTML', having({ hint: SCRIPT + ATTRIBUTE })],
  ['help, which youch takes for HTML', having({ help: SCRIPT + ATTRIBUTE })],
  ['name of a function', thrownBy(ATTRIBUTE + SCRIPT)],
  ['stack that the message pretends', new Error(`x\n    at ${ATTRIBUTE} (/${ATTRIBUTE}:1:1)`)],
  ['stack that is not one', having({ stack: `    at ${ATTRIBUTE} (/${SCRIPT}${ATTRIBUTE}:1:1)` })],
  ['cause', causedBy(new Named(SCRIPT + ATTRIBUTE))],
  ['message of a cause', causedBy(new Error(SCRIPT + ATTRIBUTE))],
  ['stack of a cause', causedBy(thrownBy(ATTRIBUTE + SCRIPT))],
  ['cause that is text', causedBy(SCRIPT + ATTRIBUTE)],
  ['cause that is a pattern', causedBy(/<script>window.intruder=1<\/script>/)],
  ['property', having({ [SCRIPT]: SCRIPT, [ATTRIBUTE]: ATTRIBUTE })],
  ['property of a cause', causedBy(having({ [SCRIPT]: SCRIPT, [ATTRIBUTE]: ATTRIBUTE }))],
  ['symbol', having({ kind: Symbol(SCRIPT), [Symbol(SCRIPT)]: 1 })],
  ['class', having({ kind: { constructor: { name: SCRIPT } } })],
  ['text that is thrown', SCRIPT + ATTRIBUTE],
  ['object that is thrown', { [SCRIPT]: ATTRIBUTE }],
  ['aggregate', new AggregateError([new Error(SCRIPT), ATTRIBUTE], SCRIPT)],
];
