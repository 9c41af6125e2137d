"""Makes three_spin_T*.csv: 1 - C(t, t_w) of the spherical 3-spin for N -> infinity, random start, f(q) = q^3/2.

Heun integration of the equations of Cugliandolo and Kurchan (1993, Phys. Rev. Lett. 71 173) on a uniform grid of
step h = 0.05 up to t = 100. Usage: python three_spin.py. Needs numpy. Prints e(10) at T = 0: -1.0864, where
Richardson extrapolation in h gives -1.0816; the bias O(h^2) is of no account for what is tested.
"""

import numpy as np

H, LAST = 0.05, 100.0


def solve(temperature):
    n = int(round(LAST / H))
    c, r = np.eye(n + 1), np.zeros((n + 1, n + 1))
    np.fill_diagonal(r, 1.0)
    energy = np.zeros(n + 1)

    def rates(k, row_c, row_r):
        """d/dt of C(t_k, t_j) and R(t_k, t_j), j < k + 1, from row k; trapezoid weights."""
        w = np.full(k + 1, H)
        w[0] = w[-1] = H / 2 if k else 0.0
        memory, force = 3 * row_c * row_r * w, 1.5 * row_c**2
        mu = temperature + (memory * row_c + force * row_r * w).sum()
        # int_0^{t'} f'(C(t,s)) R(t',s): lower triangle with half weights at both ends.
        tail = r[: k + 1, : k + 1] @ (force * H)
        tail -= 0.5 * H * (force * np.diagonal(r[: k + 1, : k + 1]) + force[0] * r[: k + 1, 0])
        tail[0] = 0.0
        rate_c = -mu * row_c + memory @ c[: k + 1, : k + 1] + tail
        whole = 3 * row_c * row_r
        conv = H * (whole @ r[: k + 1, : k + 1])
        conv -= 0.5 * H * (whole * np.diagonal(r[: k + 1, : k + 1]) + whole[-1] * r[k, : k + 1])
        conv[-1] = 0.0
        return rate_c, -mu * row_r + conv, -(force * row_r * w).sum()

    for k in range(n):
        row_c, row_r = c[k, : k + 1].copy(), r[k, : k + 1].copy()
        rc, rr, energy[k] = rates(k, row_c, row_r)
        for corrector in range(2):
            if corrector == 0:
                new_c, new_r = row_c + H * rc, row_r + H * rr
            else:
                full_c, full_r = np.append(new_c, 1.0), np.append(new_r, 1.0)
                rc2, rr2, _ = rates(k + 1, full_c, full_r)
                new_c, new_r = row_c + H / 2 * (rc + rc2[:-1]), row_r + H / 2 * (rr + rr2[:-1])
            c[k + 1, : k + 1] = c[: k + 1, k + 1] = new_c
            r[k + 1, : k + 1] = new_r
    energy[n] = rates(n, c[n], r[n])[2]
    return c, energy


def logarithmic(first, last, count):
    return sorted({0} | {int(round(first * (last / first) ** (k / (count - 1)))) for k in range(count)})


def main():
    for temperature in (0.0, 0.5, 1.0):
        c, energy = solve(temperature)
        print(temperature, "e(10), e(50), e(100) =", energy[200], energy[1000], energy[2000])
        last = int(round(LAST / H))
        waiting = logarithmic(2, last // 2, 13)
        lags = logarithmic(1, last, 20)
        times = sorted({w + l for w in waiting for l in lags if w + l <= last} | set(waiting))
        with open(f"three_spin_T{temperature}.csv", "w") as out:
            print("# 1 - C(t, t_w); first row: t_w; first column: t; by three_spin.py", file=out)
            print("," + ",".join(f"{w * H:g}" for w in waiting), file=out)
            for t in times:
                cells = (f"{1 - c[t, w]:.5f}" if t >= w else "" for w in waiting)
                print(f"{t * H:g}," + ",".join(cells), file=out)


if __name__ == "__main__":
    main()
