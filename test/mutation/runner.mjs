/**
 * Stryker's test runner for the rooms: one process, which loads the instrumented sources and the tests once. A mutant is then a number
 * that the sources look at, and costs only the tests that reach it, the quickest first, up to the first that fails. (Stryker's
 * runner for vitest loads all again for each mutant, which takes 0.5 to 1.5 s.)
 */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { INSTRUMENTER_CONSTANTS } from '@stryker-mutator/api/core';
import { commonTokens, declareClassPlugin, declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';
import {
  DryRunStatus,
  determineHitLimitReached,
  TestStatus,
  toMutantRunResult,
} from '@stryker-mutator/api/test-runner';
import { collectTests, getFn, getHooks } from '@vitest/runner';
import { restoreAllMocks } from '@vitest/spy';
import { transformSync } from 'esbuild';
import { isMessage } from './messages.mjs';

const { MUTATION_ROOM: room = 'ftp', MUTATION_TESTS: tests = testsOf(room) } = process.env;

/** Property tests have few runs, and tests of linear work or of very long input are left out: they would take seconds for every mutant. */
const PROPERTY_RUNS = 30;
const LONG = /linear|many-lines|over many|however far|250,000/;
/** Tests that count what the tests before them have seen: here one runs alone, and several times. */
const COUNTS = /there are many of them/;
/** In ms, of one test. Over sockets a mutant often waits for what never comes: then it is shorter, and the process need not end. */
const TEST_TIMEOUT = Number(process.env.MUTATION_TIMEOUT ?? 20_000);
/** So often, in mutants, all tests run without a mutant: they would fail if one left something behind. */
const CHECKED = 500;

class RoomRunner {
  static inject = [commonTokens.logger];
  #log;
  #stryker;
  /** By id. */
  #tests = new Map();
  #durations = new Map();
  #begun = new Set();
  #mutants = 0;
  /** Fails the test at work. */
  #fail = () => {};

  constructor(log) {
    this.#log = log;
    // Those of callbacks of sockets and timers, which would end the process.
    process.on('uncaughtException', error => this.#fail(error));
    process.on('unhandledRejection', error => this.#fail(error));
    this.#stryker = globalThis[INSTRUMENTER_CONSTANTS.NAMESPACE] ??= {};
  }

  capabilities() {
    // Never needed: mutants of what runs when a module is loaded are ignored, or active in tests alone if these run it too.
    return { reloadEnvironment: true };
  }

  async init() {
    process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'rfc2228-mutation-'));
    build();
    const fc = await import('fast-check');
    fc.configureGlobal({ seed: 2228, numRuns: PROPERTY_RUNS });
    const config = {
      root: process.cwd(),
      name: '',
      setupFiles: [],
      testTimeout: TEST_TIMEOUT,
      hookTimeout: TEST_TIMEOUT,
    };
    const files = await collectTests(testFiles(), {
      config: { ...config, sequence: { hooks: 'stack' }, retry: 0, includeTaskLocation: false, tags: [] },
      importFile: path => import(pathToFileURL(built(path)).href),
    });
    for (const file of files) {
      if (file.result?.state === 'fail') throw new Error(`${file.name}: ${file.result.errors[0].stack}`);
      this.#collect(file, `${file.name}#`, file.name);
    }
  }

  #collect(suite, prefix, fileName) {
    for (const task of suite.tasks) {
      if (task.mode === 'skip' || task.mode === 'todo' || [LONG, COUNTS].some(it => it.test(`${prefix}${task.name}`)))
        continue;
      const name = `${prefix}${task.name}`;
      if (task.type === 'suite') this.#collect(task, `${name} `, fileName);
      else {
        let id = name;
        for (let i = 2; this.#tests.has(id); i++) id = `${name} (${i})`;
        this.#tests.set(id, { task, fileName: resolve(fileName) });
      }
    }
  }

  async dryRun() {
    this.#stryker.activeMutant = undefined;
    let tests = [];
    // Twice: the first time includes what is computed once, and compiling.
    for (let round = 0; round < 2; round++) {
      tests = [];
      for (const id of this.#tests.keys()) {
        // Outside of a test it would count as code that runs when it is loaded.
        this.#stryker.currentTestId = id;
        tests.push(await this.#run(id));
        this.#stryker.currentTestId = undefined;
      }
    }
    return { status: DryRunStatus.Complete, tests, mutantCoverage: this.#stryker.mutantCoverage };
  }

  async mutantRun({ activeMutant, testFilter, hitLimit }) {
    if (++this.#mutants % CHECKED === 0) await this.#check();
    const ids = testFilter ?? [...this.#tests.keys()];
    const time = id => this.#durations.get(id) ?? 0;
    const tests = [];
    Object.assign(this.#stryker, { activeMutant: activeMutant.id, hitCount: 0, hitLimit });
    for (const id of ids.toSorted((a, b) => time(a) - time(b))) {
      tests.push(await this.#run(id));
      if (tests.at(-1).status === TestStatus.Failed) break;
    }
    const { hitCount } = this.#stryker;
    Object.assign(this.#stryker, { activeMutant: undefined, hitCount: undefined, hitLimit: undefined });
    const timeout = determineHitLimitReached(hitCount, hitLimit);
    return toMutantRunResult(timeout ?? { status: DryRunStatus.Complete, tests });
  }

  async #run(id) {
    const { task, fileName } = this.#tests.get(id);
    const start = performance.now();
    let error;
    try {
      for (const suite of suitesOf(task)) await this.#begin(suite);
      for (const suite of suitesOf(task))
        for (const hook of getHooks(suite).beforeEach) await hook(task.context, suite);
      const uncaught = new Promise((_, reject) => {
        this.#fail = reject;
      });
      await Promise.race([getFn(task)(), uncaught]);
      for (const suite of suitesOf(task)) for (const hook of getHooks(suite).afterEach) await hook(task.context, suite);
    } catch (thrown) {
      if (thrown?.code !== 'VITEST_PENDING') error = thrown ?? new Error('nothing was thrown');
    }
    restoreAllMocks();
    const timeSpentMs = performance.now() - start;
    if (!this.#stryker.activeMutant) this.#durations.set(id, timeSpentMs);
    const result = { id, name: id.slice(id.indexOf('#') + 1), fileName, timeSpentMs };
    return error
      ? { ...result, status: TestStatus.Failed, failureMessage: String(error.message ?? error) }
      : { ...result, status: TestStatus.Success };
  }

  /** Hooks of a suite run once, before its first test; none here needs what runs after its last. */
  async #begin(suite) {
    if (this.#begun.has(suite)) return;
    this.#begun.add(suite);
    for (const hook of getHooks(suite).beforeAll) await hook(suite);
  }

  async #check() {
    for (const id of this.#tests.keys()) {
      const { status, failureMessage } = await this.#run(id);
      if (status !== TestStatus.Failed) continue;
      this.#log.error('An earlier mutant left something behind: %s fails, %s', id, failureMessage);
      throw new Error('A test fails without a mutant');
    }
  }
}

/** From the file inwards. */
function suitesOf({ suite, file }) {
  const suites = [];
  for (let it = suite; it !== undefined && it !== file; it = it.suite) suites.unshift(it);
  return [file, ...suites];
}

/** Compiles what the tests import beside its source, in Stryker's copy of the project; `vitest` is replaced. */
function build() {
  const vitest = JSON.stringify(pathToFileURL(resolve('test/mutation/vitest.mjs')).href);
  for (const path of [...sources('src'), ...sources('test')]) {
    const { code } = transformSync(readFileSync(path, 'utf8'), { loader: 'ts', target: 'node20', format: 'esm' });
    const json = code.replace(/(from "[^"]*\.json")/g, '$1 with { type: "json" }');
    writeFileSync(built(path), json.replace(/from "vitest"/, `from ${vitest}`));
  }
}

const built = path => path.replace(/\.ts$/, '.js');

function sources(folder) {
  return readdirSync(folder, { recursive: true })
    .filter(name => /(?<!\.d)\.ts$/.test(name))
    .map(name => join(folder, name));
}

/** `tests` names folders and files. */
function testFiles() {
  const paths = tests.split(',').map(name => join('test', name));
  const files = paths.flatMap(path => (path.endsWith('.ts') ? [path] : sources(path)));
  return files.filter(path => /(?<!\.slow|\.isolated)\.test\.ts$/.test(path));
}

/** The tests of a room, which is a folder or a file, and of those of the core that use it. */
function testsOf(name) {
  const core = ['ftp', 'protection', 'session'];
  return core.includes(name) ? core.slice(core.indexOf(name)).join() : name.replace(/\.ts$/, '.test.ts');
}

export const strykerPlugins = [
  declareClassPlugin(PluginKind.TestRunner, 'room', RoomRunner),
  declareValuePlugin(PluginKind.Ignore, 'messages', {
    shouldIgnore: path => (isMessage(path) ? 'the text of an error is for people: no test compares it' : undefined),
  }),
];
