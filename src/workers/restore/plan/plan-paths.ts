/** The paths of a plan's entries inside the snapshot, for messages and patterns. They begin with a slash. */
import { childPath, latin1, type PathText, pathBytes, readableText } from '../../../patterns/path-text.ts';
import { directoryWord, fileWord, type RestorePlan, rootDirectory } from './restore-plan.ts';

/** Exactly the bytes, one character each. */
export function directoryPath(plan: RestorePlan, directory: number): PathText {
  const names: string[] = [];
  // Not recursive: a path may have more names than the stack has room.
  for (let at = directory; at !== rootDirectory; at = plan.directories.get(at, directoryWord.parent))
    names.push(nameText(plan.directoryName(at)));
  return `/${names.reverse().join('/')}` as PathText;
}

export function filePath(plan: RestorePlan, file: number): PathText {
  return childPath(directoryPath(plan, plan.files.get(file, fileWord.directory)), nameText(plan.fileName(file)));
}

/** For people. */
export function readablePath(path: PathText): string {
  return readableText(pathBytes(path));
}

function nameText(name: Uint8Array): PathText {
  return latin1(name, 0, name.indexOf(0));
}
