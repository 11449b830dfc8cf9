import { InvalidArgumentError } from "commander";
import { rowCounts } from "./schema";

/** An empty argument is no number, though `Number("")` is 0. */
const numberOf = (text: string): number => (text.trim() === "" ? NaN : Number(text));

/** @throws InvalidArgumentError unless the text is a scale that `rowCounts` takes */
export function parseScale(text: string): number {
  const scale = numberOf(text);
  try {
    rowCounts(scale);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
  return scale;
}

/** @throws InvalidArgumentError unless the text is a whole number above 0 */
export function parseCount(text: string): number {
  const value = numberOf(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError(`"${text}" is not a whole number above 0`);
  }
  return value;
}

/** @throws InvalidArgumentError unless the text is a finite number above 0 */
export function parseRate(text: string): number {
  const value = numberOf(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError(`"${text}" is not a number above 0`);
  return value;
}
