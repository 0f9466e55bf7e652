/* The command spot-pc: runs `python -m edge` of this package with the same arguments, console and code. It is a program,
   since the path of Python stays out of the PATH. */
#include "folders.h"

#include <stdio.h>

/* Skip the program's own name, which may stand in quotes. */
static const wchar_t *arguments(const wchar_t *line) {
    BOOL quoted = FALSE;
    for (; *line && (quoted || (*line != L' ' && *line != L'\t')); line++)
        if (*line == L'"') quoted = !quoted;
    while (*line == L' ' || *line == L'\t') line++;
    return line;
}

/* Ctrl-C and Ctrl-Break are for Python, which has them too: we wait for its end. */
static BOOL WINAPI leave_to_python(DWORD event) {
    return event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT;
}

int main(void) {
    static wchar_t home[PATH_SIZE], line[LINE_SIZE];
    if (!program_folder(NULL, home) || !hand_on_data_folder(TRUE) || !edge_command(home, arguments(GetCommandLineW()), line)) {
        fputs("spot-pc: the command line or this folder's path is too long\n", stderr);
        return 2;
    }
    SetConsoleCtrlHandler(leave_to_python, TRUE);
    STARTUPINFOW start = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES};
    start.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    start.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    start.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    PROCESS_INFORMATION process;
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &process)) {
        fprintf(stderr, "spot-pc: its Python does not start (error %lu); install the package again\n", GetLastError());
        return 2;
    }
    CloseHandle(process.hThread);
    DWORD code = 2;
    if (WaitForSingleObject(process.hProcess, INFINITE) != WAIT_OBJECT_0 || !GetExitCodeProcess(process.hProcess, &code))
        fprintf(stderr, "spot-pc: its Python can't be waited for (error %lu)\n", GetLastError());
    CloseHandle(process.hProcess);
    return (int)code;
}
