/** How a group becomes the value of a flag, alike on servers and in pages. */

import {
  ErrorCode,
  StandardResolutionReasons,
  type JsonValue,
  type ResolutionDetails,
} from "@openfeature/core";

const NUMBER = /^-?[0-9]+(\.[0-9]+)?$/;

/** An experiment's name, and its groups where they are known. */
export interface Arms {
  readonly name: string;
  readonly groups: readonly string[] | null;
}

/** A group as the value of a flag of one type; a text says why it is none. */
export type Read<T> = (arms: Arms, group: string) => { value: T } | string;

/** The name of the group. */
export const asString: Read<string> = (_, group) => ({ value: group });

/** Of two groups the first (control) is false, the other true. */
export const asBoolean: Read<boolean> = ({ name, groups }, group) => {
  if (groups?.length === 2 && groups.includes(group)) return { value: group === groups[1] };
  const known = groups ? `has the groups ${groups.join(", ")}` : "does not say its groups here";
  return (
    `${name} ${known}, and this is ${group}; only one of two groups is true or false. ` +
    "Ask for a text"
  );
};

/** The group's name, read as a number. */
export const asNumber: Read<number> = ({ name }, group) =>
  NUMBER.test(group) ? { value: Number(group) } : `${name}: the group '${group}' is no number`;

/** Groups are no structures. */
export const asObject: Read<JsonValue> = ({ name }, group) =>
  `${name}: the group '${group}' is a text, and no structure`;

/** The default, and what went wrong. */
export function failed<T>(
  value: T,
  errorCode: ErrorCode,
  errorMessage: string,
): ResolutionDetails<T> {
  return { value, reason: StandardResolutionReasons.ERROR, errorCode, errorMessage };
}
