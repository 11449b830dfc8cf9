import type { Role } from "./patroni";

/** A service of the application tier, as the running system knows it. */
export interface ApplicationService {
  /** Name of the Kubernetes Service. */
  readonly service: string;
  readonly port: number;
  /** Where it is told its port. */
  readonly portVariable: string;
  /** Pods in the region that takes writes, from where autoscaling begins. */
  readonly replicas: number;
}

/** Their Deployments by name. Redis, Consul and RabbitMQ are not among them. */
export const applicationServices = {
  "api-gateway": { service: "api-gateway-service", port: 8080, portVariable: "API_GATEWAY_PORT", replicas: 3 },
  "auth-service": { service: "auth-service", port: 8081, portVariable: "AUTH_SERVICE_PORT", replicas: 2 },
} as const satisfies Record<string, ApplicationService>;

export type ApplicationName = keyof typeof applicationServices;

export const applicationNames = Object.keys(applicationServices) as ApplicationName[];

/** Pods of a service by its region's role. */
export const replicasOf = (name: ApplicationName, role: Role, standbyReplicas: number): number =>
  role === "primary" ? applicationServices[name].replicas : standbyReplicas;

/** What becomes of the application tier, for whoever reads a preview. */
export const applicationInWords = (role: Role, standbyReplicas: number): string => {
  const scales = applicationNames.map((name) => `${name} ${replicasOf(name, role, standbyReplicas)}`).join(", ");
  return (
    `Application tier: pods as for role ${role}, ${scales}. That is told once for each role; what an operator or an autoscaler sets ` +
    "afterwards stays."
  );
};

export const noApplicationInWords =
  "Application tier: not declared, for apiGatewayImage and authServiceImage are not set. What is deployed otherwise is left alone.";
