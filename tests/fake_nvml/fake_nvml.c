/* An NVML without GPUs, for tests. It answers what a script tells it to, and the values of an imagined machine otherwise.
 *
 * The script is the file named in HLB_BENCH_FAKE_NVML_SCRIPT, read by nvmlInit_v2. Each line is
 *
 *     FUNCTION DEVICE [@CALL] ok VALUE...
 *     FUNCTION DEVICE [@CALL] error CODE
 *
 * FUNCTION is a name below or `*` for all functions that ask a device; nvmlDeviceGetClockInfo is split into
 * nvmlDeviceGetClockInfo.sm and nvmlDeviceGetClockInfo.memory. DEVICE is a number, `*`, or `-` for functions without one.
 * A line holds from call number CALL on (1 if not given), counted per function and device; the last one that holds is used.
 * Lines that begin with # say nothing. A script that cannot be read makes nvmlInit_v2 fail with 999.
 *
 * Layouts and codes are those of NVIDIA's nvml.h (version 13).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int answer_t;
typedef struct device *device_t;
typedef unsigned long long wide_t;

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, INSUFFICIENT_SIZE = 7, UNKNOWN = 999 };
enum { MOST_LINES = 512, MOST_FUNCTIONS = 64, MOST_DEVICES = 16 };

struct line {
    char function[64], device[8], value[256];
    int from, error;
};
struct counter {
    const char *function;
    int calls[MOST_DEVICES + 1];
};
static struct line lines[MOST_LINES];
static int line_count;
static struct counter counters[MOST_FUNCTIONS];
/* What a handle points to: its place is the device's number. */
static struct device { char unused; } devices[MOST_DEVICES];

static int parse(const char *text, struct line *line)
{
    char rest[300] = "";
    int used = 0;
    memset(line, 0, sizeof *line);
    line->from = 1;
    if (sscanf(text, "%63s %7s %n", line->function, line->device, &used) != 2)
        return 0;
    text += used;
    if (sscanf(text, "@%d %n", &line->from, &used) == 1)
        text += used;
    if (sscanf(text, "error %d", &line->error) == 1)
        return 1;
    if (sscanf(text, "ok %255[^\n]", rest) != 1)
        return 0;
    strcpy(line->value, rest);
    return 1;
}

static int read_script(void)
{
    const char *path = getenv("HLB_BENCH_FAKE_NVML_SCRIPT");
    char text[400];
    FILE *file = path ? fopen(path, "r") : NULL;
    line_count = 0;
    memset(counters, 0, sizeof counters);
    if (!file)
        return 0;
    while (fgets(text, sizeof text, file)) {
        if (text[0] == '#' || text[0] == '\n')
            continue;
        if (line_count == MOST_LINES || !parse(text, &lines[line_count++])) {
            fclose(file);
            return 0;
        }
    }
    fclose(file);
    return 1;
}

/* The number of this call of a function for a device; -1 is no device. */
static int count(const char *function, int device)
{
    for (int i = 0; i < MOST_FUNCTIONS; i++) {
        if (!counters[i].function)
            counters[i].function = function;
        if (strcmp(counters[i].function, function) == 0)
            return ++counters[i].calls[device + 1];
    }
    abort();
}

static int fits(const struct line *line, const char *function, int device)
{
    char number[8];
    snprintf(number, sizeof number, "%d", device);
    if (device < 0)
        return strcmp(line->function, function) == 0 && strcmp(line->device, "-") == 0;
    return (strcmp(line->function, function) == 0 || strcmp(line->function, "*") == 0)
        && (strcmp(line->device, number) == 0 || strcmp(line->device, "*") == 0);
}

/* The answer to this call; where it is SUCCESS, its value as text. */
static answer_t ask(const char *function, int device, const char *usual, const char **value)
{
    int call = count(function, device);
    *value = usual;
    for (int i = line_count - 1; i >= 0; i--) {
        if (fits(&lines[i], function, device) && call >= lines[i].from) {
            *value = lines[i].value;
            return lines[i].error;
        }
    }
    return SUCCESS;
}

static int number_of(device_t device)
{
    return (int)(device - devices);
}

/* Whole numbers from a value, missing ones 0. */
static void numbers(const char *value, wide_t *found, int most)
{
    char *end;
    for (int i = 0; i < most; i++, value = end)
        found[i] = strtoull(value, &end, 0);
}

static answer_t text_of(const char *function, int device, const char *usual, char *into, unsigned size)
{
    const char *value;
    answer_t answer = ask(function, device, usual, &value);
    if (answer == SUCCESS)
        snprintf(into, size, "%s", value);
    return answer;
}

static answer_t narrow_of(const char *function, device_t device, const char *usual, unsigned *into)
{
    const char *value;
    answer_t answer = ask(function, number_of(device), usual, &value);
    if (answer == SUCCESS)
        *into = (unsigned)strtoul(value, NULL, 0);
    return answer;
}

static answer_t wide_of(const char *function, device_t device, const char *usual, wide_t *into)
{
    const char *value;
    answer_t answer = ask(function, number_of(device), usual, &value);
    if (answer == SUCCESS)
        *into = strtoull(value, NULL, 0);
    return answer;
}

static answer_t pair_of(const char *function, device_t device, const char *usual, unsigned *one, unsigned *other)
{
    const char *value;
    wide_t found[2];
    answer_t answer = ask(function, number_of(device), usual, &value);
    if (answer == SUCCESS) {
        numbers(value, found, 2);
        *one = (unsigned)found[0];
        *other = (unsigned)found[1];
    }
    return answer;
}

answer_t nvmlInit_v2(void)
{
    const char *value;
    return read_script() ? ask("nvmlInit_v2", -1, "", &value) : UNKNOWN;
}

answer_t nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    return nvmlInit_v2();
}

answer_t nvmlShutdown(void)
{
    return SUCCESS;
}

const char *nvmlErrorString(answer_t answer)
{
    return answer == SUCCESS ? "Success" : "Scripted error";
}

answer_t nvmlSystemGetDriverVersion(char *into, unsigned size)
{
    return text_of("nvmlSystemGetDriverVersion", -1, "580.65.06", into, size);
}

answer_t nvmlSystemGetNVMLVersion(char *into, unsigned size)
{
    return text_of("nvmlSystemGetNVMLVersion", -1, "13.580.65.06", into, size);
}

answer_t nvmlSystemGetCudaDriverVersion_v2(int *into)
{
    const char *value;
    answer_t answer = ask("nvmlSystemGetCudaDriverVersion_v2", -1, "13000", &value);
    if (answer == SUCCESS)
        *into = atoi(value);
    return answer;
}

answer_t nvmlDeviceGetCount_v2(unsigned *into)
{
    const char *value;
    answer_t answer = ask("nvmlDeviceGetCount_v2", -1, "1", &value);
    if (answer == SUCCESS)
        *into = (unsigned)atoi(value);
    return answer;
}

answer_t nvmlDeviceGetHandleByIndex_v2(unsigned index, device_t *into)
{
    const char *value;
    answer_t answer;
    if (index >= MOST_DEVICES)
        return INVALID_ARGUMENT;
    answer = ask("nvmlDeviceGetHandleByIndex_v2", (int)index, "", &value);
    if (answer == SUCCESS)
        *into = &devices[index];
    return answer;
}

answer_t nvmlDeviceGetName(device_t device, char *into, unsigned size)
{
    return text_of("nvmlDeviceGetName", number_of(device), "NVIDIA Imagined GPU", into, size);
}

answer_t nvmlDeviceGetUUID(device_t device, char *into, unsigned size)
{
    char usual[64];
    snprintf(usual, sizeof usual, "GPU-%08d-0000-0000-0000-000000000000", number_of(device));
    return text_of("nvmlDeviceGetUUID", number_of(device), usual, into, size);
}

answer_t nvmlDeviceGetCudaComputeCapability(device_t device, int *major, int *minor)
{
    return pair_of("nvmlDeviceGetCudaComputeCapability", device, "9 0", (unsigned *)major, (unsigned *)minor);
}

struct pci {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
    char text[32];
};

/* Values: domain, bus, device. */
answer_t nvmlDeviceGetPciInfo_v3(device_t device, struct pci *into)
{
    const char *value;
    char usual[32];
    wide_t found[3];
    answer_t answer;
    snprintf(usual, sizeof usual, "0 %d 0", number_of(device) + 1);
    answer = ask("nvmlDeviceGetPciInfo_v3", number_of(device), usual, &value);
    if (answer == SUCCESS) {
        numbers(value, found, 3);
        memset(into, 0, sizeof *into);
        into->domain = (unsigned)found[0];
        into->bus = (unsigned)found[1];
        into->device = (unsigned)found[2];
    }
    return answer;
}

struct memory {
    unsigned version;
    wide_t total, reserved, free, used;
};

/* Values: total and used bytes. */
answer_t nvmlDeviceGetMemoryInfo_v2(device_t device, struct memory *into)
{
    const char *value;
    wide_t found[2];
    answer_t answer = ask("nvmlDeviceGetMemoryInfo_v2", number_of(device), "85520809984 517996544", &value);
    if (answer == SUCCESS) {
        numbers(value, found, 2);
        into->total = found[0];
        into->used = found[1];
        into->free = found[0] - found[1];
    }
    return answer;
}

answer_t nvmlDeviceGetEnforcedPowerLimit(device_t device, unsigned *into)
{
    return narrow_of("nvmlDeviceGetEnforcedPowerLimit", device, "700000", into);
}

answer_t nvmlDeviceGetPowerManagementDefaultLimit(device_t device, unsigned *into)
{
    return narrow_of("nvmlDeviceGetPowerManagementDefaultLimit", device, "700000", into);
}

answer_t nvmlDeviceGetPowerUsage(device_t device, unsigned *into)
{
    return narrow_of("nvmlDeviceGetPowerUsage", device, "70000", into);
}

/* Kind 1 is the multiprocessors, 2 the memory. */
answer_t nvmlDeviceGetClockInfo(device_t device, int kind, unsigned *into)
{
    if (kind == 1)
        return narrow_of("nvmlDeviceGetClockInfo.sm", device, "1980", into);
    if (kind == 2)
        return narrow_of("nvmlDeviceGetClockInfo.memory", device, "2619", into);
    return INVALID_ARGUMENT;
}

answer_t nvmlDeviceGetMaxClockInfo(device_t device, int kind, unsigned *into)
{
    return kind == 1 ? narrow_of("nvmlDeviceGetMaxClockInfo", device, "1980", into) : INVALID_ARGUMENT;
}

answer_t nvmlDeviceGetTemperature(device_t device, int sensor, unsigned *into)
{
    return sensor == 0 ? narrow_of("nvmlDeviceGetTemperature", device, "31", into) : INVALID_ARGUMENT;
}

answer_t nvmlDeviceGetEccMode(device_t device, unsigned *current, unsigned *pending)
{
    return pair_of("nvmlDeviceGetEccMode", device, "1 1", current, pending);
}

answer_t nvmlDeviceGetMigMode(device_t device, unsigned *current, unsigned *pending)
{
    return pair_of("nvmlDeviceGetMigMode", device, "0 0", current, pending);
}

answer_t nvmlDeviceGetTotalEnergyConsumption(device_t device, wide_t *into)
{
    return wide_of("nvmlDeviceGetTotalEnergyConsumption", device, "1000000", into);
}

answer_t nvmlDeviceGetCurrentClocksThrottleReasons(device_t device, wide_t *into)
{
    return wide_of("nvmlDeviceGetCurrentClocksThrottleReasons", device, "1", into);
}

struct rates {
    unsigned gpu, memory;
};

answer_t nvmlDeviceGetUtilizationRates(device_t device, struct rates *into)
{
    return pair_of("nvmlDeviceGetUtilizationRates", device, "0 0", &into->gpu, &into->memory);
}

struct process {
    unsigned pid;
    wide_t bytes;
    unsigned instance, compute_instance;
};

/* Values: how many processes, and their numbers. A question for the count alone is a call; the one that follows is not. */
answer_t nvmlDeviceGetComputeRunningProcesses_v3(device_t device, unsigned *size, struct process *into)
{
    static const char *value[MOST_DEVICES];
    static answer_t answer[MOST_DEVICES];
    int number = number_of(device);
    unsigned room = *size;
    wide_t found[16] = {0};
    if (!into)
        answer[number] = ask("nvmlDeviceGetComputeRunningProcesses_v3", number, "0", &value[number]);
    if (answer[number] != SUCCESS) {
        /* Too small a list is what this code means here, so there has to be something in it. */
        *size = answer[number] == INSUFFICIENT_SIZE ? 1 : 0;
        return answer[number];
    }
    numbers(value[number], found, 16);
    *size = (unsigned)found[0];
    if (found[0] > room)
        return INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < *size && i < 15; i++) {
        memset(&into[i], 0, sizeof into[i]);
        into[i].pid = (unsigned)found[i + 1];
    }
    return SUCCESS;
}
