export const metrics = (): Promise<number> => Promise.resolve(2);
