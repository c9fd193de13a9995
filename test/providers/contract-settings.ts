/** What every provider must do with classes and parameter groups. */
import { expect, test } from "vitest";
import type { InstanceDescription, OperationRequest } from "../../src/providers/provider.js";
import { classOf, groupOf, intentOf, newOperationId, operate, rebootOf, untilEnded } from "../support/ground.js";
import type { UnderTest } from "./contract.js";

interface Under {
  readonly it: UnderTest;
  readonly providerId: string;
  readonly look: () => Promise<InstanceDescription>;
}

export function testSettings(under: () => Under): void {
  test("a parameter group is changed once, however often it is asked for, and waits for a reboot", async () => {
    const { it, providerId, look } = under();
    const { provider } = it;
    const [group, impossible] = it.groups;
    const { parameterGroup: before } = await look();
    const request = { ...groupOf(providerId, group), operationId: newOperationId() } as OperationRequest;
    const intent = await intentOf(provider, request);
    await Promise.all([provider.start(request, intent), provider.start(request, intent)]);
    const parameterGroup = { name: group, status: "pending-reboot" };
    const end = { state: "succeeded", resourceStatus: "available", result: { parameterGroup } };
    expect(await untilEnded(provider, request, intent)).toMatchObject(end);
    await provider.start(request, intent);
    expect(await provider.poll(request, intent)).toMatchObject(end);
    expect(await operate(provider, groupOf(providerId, group)), "again").toMatchObject(end);
    expect(await look()).toMatchObject({ status: "available", parameterGroup });
    expect(await operate(provider, rebootOf(providerId))).toMatchObject({ state: "succeeded" });
    expect((await look()).parameterGroup).toEqual({ name: group, status: "in-sync" });
    for (const [wanted, code] of [
      [groupOf(providerId, "no-such-group"), "DBParameterGroupNotFound"],
      [groupOf(providerId, impossible), expect.stringMatching(/^Invalid(ParameterCombination|Configuration)$/)],
      [groupOf("db-0000000000000000", group), "DBInstanceNotFound"],
    ] as const)
      expect(await operate(provider, wanted)).toMatchObject({ state: "failed", failure: { code } });
    expect((await look()).parameterGroup).toEqual({ name: group, status: "in-sync" });
    expect(await operate(provider, groupOf(providerId, before!.name))).toMatchObject({ state: "succeeded" });
    await operate(provider, rebootOf(providerId));
    expect((await look()).parameterGroup).toEqual({ name: before!.name, status: "in-sync" });
  });

  test("a class is changed once, at once or in the maintenance window, however often it is asked for", async () => {
    const { it, providerId, look } = under();
    const { provider } = it;
    const [first, second] = it.classes;
    const { instanceClass: before } = await look();
    const inForce = { state: "succeeded", result: { instanceClass: first, pendingInstanceClass: null } };
    const waits = { state: "succeeded", result: { instanceClass: first, pendingInstanceClass: second } };
    for (const [wanted, end] of [
      [classOf(providerId, first), inForce],
      [classOf(providerId, second, false), waits],
    ] as const) {
      const request = { ...wanted, operationId: newOperationId() } as OperationRequest;
      const intent = await intentOf(provider, request);
      await Promise.all([provider.start(request, intent), provider.start(request, intent)]);
      expect(await untilEnded(provider, request, intent)).toMatchObject(end);
      expect(await look()).toMatchObject({ status: "available", ...end.result });
      await provider.start(request, intent);
      expect(await provider.poll(request, intent)).toMatchObject(end);
      expect(await operate(provider, wanted), "again").toMatchObject(end);
    }
    expect(await operate(provider, classOf(providerId, before!))).toMatchObject({
      state: "succeeded",
      result: { instanceClass: before, pendingInstanceClass: null },
    });
    const unknown = { state: "failed", failure: { code: "InvalidParameterValue" } };
    expect(await operate(provider, classOf(providerId, "no-such-class"))).toMatchObject(unknown);
    const gone = { state: "failed", failure: { code: "DBInstanceNotFound" } };
    expect(await operate(provider, classOf("db-0000000000000000", first))).toMatchObject(gone);
    expect(await look()).toMatchObject({ instanceClass: before, pendingInstanceClass: null });
  });
}
