/**
 * Cities in which two clouds have a region each: one flood, one power cut or one fibre takes both.
 * https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html https://cloud.google.com/about/locations
 */
const cities: Readonly<Record<string, string>> = {
  "eu-central-1": "Frankfurt",
  "europe-west3": "Frankfurt",
  "eu-west-2": "London",
  "europe-west2": "London",
  "eu-west-3": "Paris",
  "europe-west9": "Paris",
  "eu-central-2": "Zurich",
  "europe-west6": "Zurich",
  "eu-south-1": "Milan",
  "europe-west8": "Milan",
  "eu-north-1": "Stockholm",
  "europe-north2": "Stockholm",
  "us-east-1": "Northern Virginia",
  "us-east4": "Northern Virginia",
  "us-east-2": "Ohio",
  "us-east5": "Ohio",
  "us-west-2": "Oregon",
  "us-west1": "Oregon",
};

/** Where a cloud's region is: its city where another cloud has one too, else its own name. */
export const placeOf = (region: string): string => cities[region] ?? region;
