/** What a client sends to create and change scans and vulnerabilities, and to create many at once. */
import { Field, ID, InputType, ObjectType } from "type-graphql";
import { z } from "zod";
import { Scan, ScanStatus, Severity, Vulnerability } from "../../model/index.js";
import { absent, httpUrl, idText, moment, nullable, text } from "../../wire/checked.js";
import { objectType } from "../../wire/object-type.js";
import { writeTypes } from "../../wire/write-types.js";

export const scanWrites = writeTypes(Scan, {
  create: {
    organizationId: idText,
    targetUrl: httpUrl,
    scanType: text(50),
    status: absent(z.enum(ScanStatus)),
    startedAt: absent(moment),
  },
  update: { targetUrl: httpUrl.optional(), scanType: text(50).optional(), status: z.enum(ScanStatus).optional() },
});

const vulnerability = {
  severity: z.enum(Severity),
  vulnType: text(100),
  title: text(500),
  description: nullable(text(20_000, 0)),
};

export const vulnerabilityWrites = writeTypes(Vulnerability, {
  create: { scanId: idText, ...vulnerability },
  update: {
    severity: vulnerability.severity.optional(),
    vulnType: vulnerability.vulnType.optional(),
    title: vulnerability.title.optional(),
    description: vulnerability.description,
  },
});

export const MAX_ITEMS = 1000;

export const vulnerabilitiesInput = z.object({
  scanId: idText,
  items: z.array(z.object(vulnerability)).min(1, "Give at least one item."),
});

@InputType({ description: "One of the vulnerabilities of a scan." })
export class VulnerabilityItemInput {
  @Field(() => Severity as never, { description: "How grave it is." })
  severity!: keyof typeof Severity;
  @Field(() => String, { description: "The kind of weakness, at most 100 characters." })
  vulnType!: string;
  @Field(() => String, { description: "One line that names it, at most 500 characters." })
  title!: string;
  @Field(() => String, { nullable: true, description: "What was seen, and what to do, at most 20,000 characters." })
  description?: string | null;
}

@InputType({ description: "Vulnerabilities of one scan, all or none of which are created." })
export class CreateVulnerabilitiesInput {
  @Field(() => ID, { description: "The scan that found them." })
  scanId!: string;
  @Field(() => [VulnerabilityItemInput], { description: `At least one, at most ${MAX_ITEMS}.` })
  items!: VulnerabilityItemInput[];
}

@ObjectType({ description: "The vulnerabilities that were created." })
export class CreateVulnerabilitiesPayload {
  @Field(() => objectType(Scan), { description: "Their scan, as it is now." })
  scan!: unknown;
  @Field(() => [objectType(Vulnerability)], { description: "In the order of the items." })
  vulnerabilities!: unknown;
}
