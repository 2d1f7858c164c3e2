/** The client of a page: the core's calls, and experiments and instruments by their names. */

import { Core } from "./core.js";
import { Experiment } from "./experiment.js";
import { Instrument } from "./instrument.js";

export class Client extends Core {
  /** @internal The exposures that were told on this page. */
  readonly _exposed = new Set<string>();
  private readonly _instruments = bare<Instrument>();
  private readonly _experiments = bare<Experiment>();
  /** What starts once there is consent. */
  private _starts: (() => void)[] = [];

  override setConsent(granted: boolean): void {
    super.setConsent(granted);
    if (granted) for (const start of this._starts.splice(0)) start();
  }

  /** The instrument of this name. It may be asked for before the configuration is there. */
  getInstrument(name: string): Instrument {
    return (this._instruments[name] ??= new Instrument(name, this));
  }

  /** The experiment of this name; where the visitor is not in it, it sends nothing. */
  getExperiment(name: string): Experiment {
    return (this._experiments[name] ??= new Experiment(name, this));
  }

  /** The experiments that the visitor is in and whose names begin so. */
  getExperimentsByPrefix(prefix: string): Experiment[] {
    return this.getCurrentUserExperiments()
      .enrolled.filter((name) => name.startsWith(prefix))
      .map((name) => this.getExperiment(name));
  }

  /** The visitor's group in an experiment; null where the visitor is not in it. */
  getExperimentBucketValue(name: string): string | null {
    return this.getCurrentUserExperiments().assigned[name] ?? null;
  }

  /** @internal Runs once there is consent. */
  _whenAllowed(run: () => void): void {
    if (this._hasConsent) run();
    else this._starts.push(run);
  }
}

/** Without a prototype: an experiment may be named `constructor`. */
function bare<T>(): Record<string, T> {
  return { __proto__: null } as unknown as Record<string, T>;
}
