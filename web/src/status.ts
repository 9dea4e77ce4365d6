// The status as it arrives. Whoever may send can send anything under any name, so its form is looked at before it is shown.

import type { StatusUpdate } from "./generated/api";

/** `value` if it is a status. */
export function asStatus(value: unknown): StatusUpdate | undefined {
  const status = value as StatusUpdate;
  const isStatus =
    typeof value === "object" &&
    value !== null &&
    !Number.isNaN(Date.parse(status.timestamp)) &&
    (status.servicesHealthy === null || typeof status.servicesHealthy === "boolean") &&
    (status.activeUsers === null || typeof status.activeUsers === "number");
  return isStatus ? status : undefined;
}
