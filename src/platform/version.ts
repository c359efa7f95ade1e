// The version of Sluice: package.json's, held in step by a test.

export const VERSION = "0.1.0";
