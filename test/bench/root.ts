/** Where the project is: `npm run bench` starts there. */
export const ROOT = process.cwd();
