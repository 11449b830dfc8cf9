import type { RegionValues } from "../config/keys";
import { renderSharedSettings } from "../domain/patroni";

/** Patroni's shared settings from a stack's values, exactly as the program declares them: a later `pulumi up` changes nothing. */
export const renderSettings = (values: RegionValues): string =>
  renderSharedSettings({
    ...values,
    memory: values.postgresMemory,
    storage: values.postgresStorage,
    words: values.confirmLost,
    synchronous: values.synchronousReplication,
  });
