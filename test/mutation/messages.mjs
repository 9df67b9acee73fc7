/** Which strings are for people: the texts of errors, and the names of things in them. */

/** Functions of the library that make an error of a text, or throw it, beside the classes of errors. */
const MAKERS =
  /^(?:\w*Error|atPlace|bad\w*|closed|damaged|expected|fail|fault|malformed|missing\w*|noKey|outOfSequence|refus\w+|tooMuch|unexpected|unprotected|untrusted|wrong\w+)$/;
/** Functions that need the name of what they check. */
const CHECKS = /^(?:assertBytes|assertOneLine|limitOf)$/;

/** If the node of this Babel path is such a string. Codes of errors, unlike their texts, have no space. */
export function isMessage(path) {
  const { node } = path;
  const texts = node.type === 'StringLiteral' ? [node.value] : node.quasis?.map(quasi => quasi.value.raw);
  if (texts === undefined) return false;
  const isText = texts.some(text => text.includes(' '));
  const user = path.findParent(({ node: { type, id, callee } }) => {
    if (type === 'VariableDeclarator') return isText && id.name === 'message';
    if (type !== 'NewExpression' && type !== 'CallExpression') return false;
    const name = callee.name ?? callee.property?.name ?? callee.property?.id?.name ?? '';
    return CHECKS.test(name) || (isText && MAKERS.test(name));
  });
  return user !== null;
}
